// The calls of the memory_snapshot_* functions as values: see stash/call.hpp. Named as the
// functions are; the methods of basic_memory say what they do. Those of administration are in
// stash/admin_calls.hpp.
#pragma once

#include "stash/call.hpp"
#include "stash/memory_types.hpp"

namespace stash::calls {

/// memory_snapshot_get without a reader of its answer, which depends on the type asked for.
STASH_API statement memory_snapshot_get_row(std::string_view id);
/// memory_snapshot_get_at likewise.
STASH_API statement memory_snapshot_get_at_row(std::string_view agent_id, std::string_view key,
                                               std::optional<time_point> at);
/// Reads what both return, but the content.
STASH_API snapshot_info read_snapshot_info(const result& rows, int row);
/// The column of the content, and that of the embedding behind it.
inline constexpr int snapshot_content_column = 13;

/// Reads the only row, if there is one.
template <typename T>
std::optional<basic_snapshot<T>> read_snapshot(const result& rows) {
  if (rows.empty()) return std::nullopt;
  basic_snapshot<T> found{read_snapshot_info(rows, 0)};
  found.content = rows.document(0, snapshot_content_column).template get<T>();
  if (!rows.is_null(0, snapshot_content_column + 1))
    found.embedding = rows.reals(0, snapshot_content_column + 1);
  return found;
}

template <typename T>
call<std::optional<basic_snapshot<T>>> memory_snapshot_get(std::string_view id) {
  return {memory_snapshot_get_row(id), read_snapshot<T>};
}

template <typename T>
call<std::optional<basic_snapshot<T>>> memory_snapshot_get_at(std::string_view agent_id,
                                                              std::string_view key,
                                                              std::optional<time_point> at) {
  return {memory_snapshot_get_at_row(agent_id, key, at), read_snapshot<T>};
}

/// `text` is the content as JSON.
STASH_API call<created_snapshot> memory_snapshot_create(std::string_view agent_id,
                                                        std::string_view text,
                                                        const snapshot_options& options);
STASH_API call<std::vector<snapshot_info>> memory_snapshot_list(
    const snapshot_filter& filter, const std::optional<std::string>& after, int max_rows);
STASH_API call<std::vector<snapshot_info>> memory_snapshot_history(std::string_view id, int depth);
STASH_API call<std::vector<snapshot_change>> memory_snapshot_diff(std::string_view a,
                                                                  std::string_view b);
STASH_API call<std::string> memory_snapshot_fork(std::string_view id, std::string_view agent_id,
                                                 const std::optional<std::string>& key);
STASH_API call<std::string> memory_snapshot_restore(std::string_view id,
                                                    const std::optional<std::string>& note);
STASH_API call<bool> memory_snapshot_pin(std::string_view id, bool pinned);
STASH_API call<bool> memory_snapshot_delete(std::string_view id);
STASH_API call<cleaned_snapshots> memory_snapshot_cleanup(const cleanup_options& options);
STASH_API call<snapshot_statistics> memory_snapshot_stats(
    const std::optional<std::string>& agent_id);
STASH_API call<json> memory_snapshot_export(std::string_view agent_id,
                                            const std::optional<std::string>& key);
STASH_API call<std::int64_t> memory_snapshot_import(const json& document,
                                                    const std::optional<std::string>& agent_id);
/// At least one of `query` and `embedding`.
STASH_API call<std::vector<memory_hit>> memory_snapshot_search(
    const std::optional<std::string_view>& query,
    const std::optional<std::span<const float>>& embedding, const memory_search_options& options);

}  // namespace stash::calls

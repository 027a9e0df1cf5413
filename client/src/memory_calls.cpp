// See stash/memory_calls.hpp.
#include "stash/memory_calls.hpp"

#include "decode.hpp"
#include "values.hpp"

namespace stash::calls {
namespace {

using decode::changes;
using decode::every_row;
using decode::optional_document;
using decode::optional_moment;
using decode::optional_number;
using decode::optional_text;
using decode::optional_uuid;
using decode::reads;
using values::add_optional_as;
using values::add_texts;
using values::id_and;

#define SNAPSHOT_INFO_COLUMNS                                                           \
  "id, agent_id, key, version, parent, created_at, expires_at, pinned, tags, metadata," \
  " origin, note, bytes"
#define SNAPSHOT_COLUMNS SNAPSHOT_INFO_COLUMNS ", content, embedding"

snapshot_change read_change(const result& rows, int row) {
  return {rows.text(row, 0), rows.text(row, 1), optional_document(rows, row, 2),
          optional_document(rows, row, 3)};
}

memory_hit read_hit(const result& rows, int row) {
  return {rows.uuid(row, 0),
          rows.text(row, 1),
          rows.text(row, 2),
          rows.integer(row, 3),
          rows.moment(row, 4),
          rows.texts(row, 5),
          rows.document(row, 6),
          rows.number(row, 7),
          optional_number(rows, row, 8),
          optional_number(rows, row, 9),
          rows.text(row, 10)};
}

std::vector<snapshot_info> read_infos(const result& rows) {
  return every_row(rows, read_snapshot_info);
}

}  // namespace

snapshot_info read_snapshot_info(const result& rows, int row) {
  return {rows.uuid(row, 0),
          rows.text(row, 1),
          rows.text(row, 2),
          rows.integer(row, 3),
          optional_uuid(rows, row, 4),
          rows.moment(row, 5),
          optional_moment(rows, row, 6),
          rows.boolean(row, 7),
          rows.texts(row, 8),
          rows.document(row, 9),
          optional_uuid(rows, row, 10),
          optional_text(rows, row, 11),
          rows.integer(row, 12)};
}

statement memory_snapshot_get_row(std::string_view id) {
  return {"SELECT " SNAPSHOT_COLUMNS " FROM stash.memory_snapshot_get($1)", id_and(id), reads};
}

statement memory_snapshot_get_at_row(std::string_view agent_id, std::string_view key,
                                     std::optional<time_point> at) {
  return {"SELECT " SNAPSHOT_COLUMNS " FROM stash.memory_snapshot_get_at($1, $2, $3)",
          values::of(agent_id, key, at), reads};
}

call<created_snapshot> memory_snapshot_create(std::string_view agent_id, std::string_view text,
                                              const snapshot_options& options) {
  parameters given;
  given.add(agent_id).add_json_text(text).add(options.key);
  add_optional_as(given, options.parent, uuid_type).add(options.metadata);
  add_texts(given, options.tags).add(options.ttl).add(options.embedding);
  add_optional_as(given, options.expected_head, uuid_type);
  return {{"SELECT id, version, deduplicated"
           " FROM stash.memory_snapshot_create($1, $2, $3, $4, $5, $6, $7, $8, $9)",
           std::move(given), changes},
          [](const result& rows) {
            return created_snapshot{rows.uuid(0, 0), rows.integer(0, 1), rows.boolean(0, 2)};
          }};
}

call<std::vector<snapshot_info>> memory_snapshot_list(const snapshot_filter& filter,
                                                      const std::optional<std::string>& after,
                                                      int max_rows) {
  parameters given = values::of(filter.agent_id, filter.key);
  add_texts(given, filter.tags).add(filter.metadata);
  add_optional_as(given, after, uuid_type).add(std::int32_t{max_rows});
  return {
      {"SELECT " SNAPSHOT_INFO_COLUMNS " FROM stash.memory_snapshot_list($1, $2, $3, $4, $5, $6)",
       std::move(given), reads},
      read_infos};
}

call<std::vector<snapshot_info>> memory_snapshot_history(std::string_view id, int depth) {
  return {{"SELECT " SNAPSHOT_INFO_COLUMNS " FROM stash.memory_snapshot_history($1, $2)",
           id_and(id, std::int32_t{depth}), reads},
          read_infos};
}

call<std::vector<snapshot_change>> memory_snapshot_diff(std::string_view a, std::string_view b) {
  return {{"SELECT path, op, old, new FROM stash.memory_snapshot_diff($1, $2)",
           std::move(id_and(a).add_as(b, uuid_type)), reads},
          [](const result& rows) { return every_row(rows, read_change); }};
}

call<std::string> memory_snapshot_fork(std::string_view id, std::string_view agent_id,
                                       const std::optional<std::string>& key) {
  return {{"SELECT stash.memory_snapshot_fork($1, $2, $3)", id_and(id, agent_id, key), changes},
          decode::uuid};
}

call<std::string> memory_snapshot_restore(std::string_view id,
                                          const std::optional<std::string>& note) {
  return {{"SELECT stash.memory_snapshot_restore($1, $2)", id_and(id, note), changes},
          decode::uuid};
}

call<bool> memory_snapshot_pin(std::string_view id, bool pinned) {
  return {{"SELECT stash.memory_snapshot_pin($1, $2)", id_and(id, pinned), changes},
          decode::boolean};
}

call<bool> memory_snapshot_delete(std::string_view id) {
  return {{"SELECT stash.memory_snapshot_delete($1)", id_and(id), changes}, decode::boolean};
}

call<cleaned_snapshots> memory_snapshot_cleanup(const cleanup_options& options) {
  return {{"SELECT versions, bytes FROM stash.memory_snapshot_cleanup($1, $2, $3, $4, $5)",
           values::of(options.keep_last, options.older_than, options.agent_id, options.dry_run,
                      options.batch),
           changes},
          [](const result& rows) {
            return cleaned_snapshots{rows.integer(0, 0), rows.integer(0, 1)};
          }};
}

call<snapshot_statistics> memory_snapshot_stats(const std::optional<std::string>& agent_id) {
  return {{"SELECT keys, versions, pinned, logical_bytes, stored_bytes, ratio, parts, shared_parts"
           " FROM stash.memory_snapshot_stats($1)",
           values::of(agent_id), reads},
          [](const result& rows) {
            return snapshot_statistics{rows.integer(0, 0), rows.integer(0, 1),
                                       rows.integer(0, 2), rows.integer(0, 3),
                                       rows.integer(0, 4), optional_number(rows, 0, 5),
                                       rows.integer(0, 6), rows.integer(0, 7)};
          }};
}

call<json> memory_snapshot_export(std::string_view agent_id,
                                  const std::optional<std::string>& key) {
  return {{"SELECT stash.memory_snapshot_export($1, $2)", values::of(agent_id, key), reads},
          decode::document};
}

call<std::int64_t> memory_snapshot_import(const json& document,
                                          const std::optional<std::string>& agent_id) {
  return {{"SELECT stash.memory_snapshot_import($1, $2)", values::of(document, agent_id), changes},
          decode::integer};
}

call<std::vector<memory_hit>> memory_snapshot_search(
    const std::optional<std::string_view>& query,
    const std::optional<std::span<const float>>& embedding, const memory_search_options& options) {
  return {{"SELECT id, agent_id, key, version, created_at, tags, metadata, score, text_rank,"
           " distance, engine FROM stash.memory_snapshot_search($1, $2, $3, $4, $5)",
           values::of(query, embedding, options.agent_id, options.filter,
                      std::int32_t{options.max_rows}),
           reads},
          [](const result& rows) { return every_row(rows, read_hit); }};
}

}  // namespace stash::calls

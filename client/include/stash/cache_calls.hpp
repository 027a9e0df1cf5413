// The calls of the cache_* functions as values: see stash/call.hpp. Named as the functions are; the
// methods of basic_cache say what they do.
#pragma once

#include <span>

#include "stash/cache_types.hpp"
#include "stash/call.hpp"

namespace stash::calls {

/// cache_get without a reader of its answer, which depends on the type asked for.
STASH_API statement cache_get_row(const std::string& name_space, std::string_view key);
/// cache_get_many likewise.
STASH_API statement cache_get_many_row(const std::string& name_space,
                                       std::span<const std::string> keys);

template <typename T>
call<std::optional<T>> cache_get(const std::string& name_space, std::string_view key) {
  return {cache_get_row(name_space, key), [](const result& rows) -> std::optional<T> {
            const auto text = rows.optional_json_text(0, 0);
            if (!text) return std::nullopt;
            return json::parse(*text).template get<T>();
          }};
}

template <typename T>
call<std::vector<std::optional<T>>> cache_get_many(const std::string& name_space,
                                                   std::span<const std::string> keys) {
  return {cache_get_many_row(name_space, keys), [](const result& rows) {
            const auto found = rows.elements(0, 0);
            std::vector<std::optional<T>> values;
            values.reserve(found.size());
            for (const auto& each : found) {
              if (each)
                values.emplace_back(json::parse(json_text_of(*each)).get<T>());
              else
                values.emplace_back();
            }
            return values;
          }};
}

STASH_API call<std::optional<std::string>> cache_get_text(const std::string& name_space,
                                                          std::string_view key);
STASH_API call<std::optional<std::vector<std::byte>>> cache_get_bytes(const std::string& name_space,
                                                                      std::string_view key);
STASH_API call<std::optional<cache_entry>> cache_get_entry(const std::string& name_space,
                                                           std::string_view key);
/// `text` is the value as JSON.
STASH_API call<std::optional<std::int64_t>> cache_set(const std::string& name_space,
                                                      std::string_view key, std::string_view text,
                                                      const set_options& options);
STASH_API call<std::optional<std::int64_t>> cache_set_bytes(const std::string& name_space,
                                                            std::string_view key,
                                                            std::span<const std::byte> value,
                                                            const set_options& options);
STASH_API call<std::int64_t> cache_set_many(const std::string& name_space,
                                            std::span<const std::string> keys,
                                            std::span<const json> values,
                                            const set_options& options);
STASH_API call<std::int64_t> cache_set_entries(const std::string& name_space, const json& entries,
                                               const set_options& options);
/// `text` is the value as JSON.
STASH_API call<std::optional<std::int64_t>> cache_add(const std::string& name_space,
                                                      std::string_view key, std::string_view text,
                                                      const set_options& options);
STASH_API call<std::int64_t> cache_incr(const std::string& name_space, std::string_view key,
                                        std::int64_t by, std::optional<seconds> ttl);
STASH_API call<bool> cache_touch(const std::string& name_space, std::string_view key,
                                 std::optional<seconds> ttl);
STASH_API call<bool> cache_delete(const std::string& name_space, std::string_view key);
STASH_API call<bool> cache_exists(const std::string& name_space, std::string_view key);
STASH_API call<leased_value> cache_get_lease(const std::string& name_space, std::string_view key,
                                             const fetch_options& options);
STASH_API call<json> cache_fetch(const std::string& name_space, std::string_view key,
                                 std::string_view query, std::span<const std::string> arguments,
                                 const set_options& options);
STASH_API call<std::vector<tagged_entry>> cache_get_by_tags(const std::string& name_space,
                                                            std::span<const std::string> tags,
                                                            bool match_all, int max_rows);
STASH_API call<std::int64_t> cache_invalidate_tags(const std::string& name_space,
                                                   std::span<const std::string> tags);
STASH_API call<std::int64_t> cache_delete_prefix(const std::string& name_space,
                                                 std::string_view prefix);
STASH_API call<key_page> cache_keys(const std::string& name_space, std::string_view pattern,
                                    const std::optional<std::string>& cursor, int max_rows);
STASH_API call<std::int64_t> cache_clear(const std::string& name_space);
STASH_API call<json> cache_info(const std::string& name_space);
STASH_API call<bool> namespace_known(const std::string& name_space);

}  // namespace stash::calls

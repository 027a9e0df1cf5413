// See stash/cache_calls.hpp.
#include "stash/cache_calls.hpp"

#include "decode.hpp"
#include "values.hpp"

namespace stash::calls {
namespace {

using decode::changes;
using decode::reads;
using values::add_texts;

// What the parameters of cache_set and cache_set_bytes after the value have in common.
void add_options(parameters& values, const set_options& options, const std::string& name_space) {
  values.add(options.ttl);
  add_texts(values, options.tags)
      .add(options.if_version)
      .add(options.lease)
      .add(options.fresh)
      .add(name_space);
}

parameters key_and_namespace(std::string_view key, const std::string& name_space) {
  parameters values;
  values.add(key).add(name_space);
  return values;
}

std::optional<std::string> read_text(const result& rows) {
  const auto text = rows.optional_json_text(0, 0);
  if (!text) return std::nullopt;
  return std::string(*text);
}

std::optional<std::vector<std::byte>> read_bytes(const result& rows) {
  if (rows.is_null(0, 0)) return std::nullopt;
  const std::string_view raw = rows.raw(0, 0);
  const auto* first = reinterpret_cast<const std::byte*>(raw.data());
  return std::vector<std::byte>(first, first + raw.size());
}

std::optional<cache_entry> read_entry(const result& rows) {
  if (rows.empty()) return std::nullopt;
  cache_entry entry;
  entry.kind = rows.text(0, 0);
  if (!rows.is_null(0, 1)) entry.value = rows.document(0, 1);
  entry.version = rows.integer(0, 2);
  for (const auto& tag : rows.elements(0, 3))
    if (tag) entry.tags.emplace_back(*tag);
  entry.expires_at = decode::optional_moment(rows, 0, 4);
  entry.hits = rows.integer(0, 5);
  return entry;
}

leased_value read_lease(const result& rows) {
  leased_value found;
  const std::string state = rows.text(0, 1);
  found.state = state == "hit"     ? lease_state::hit
                : state == "stale" ? lease_state::stale
                : state == "miss"  ? lease_state::miss
                                   : lease_state::wait;
  if (!rows.is_null(0, 0)) found.value = rows.document(0, 0);
  found.lease = decode::optional_text(rows, 0, 2);
  if (!rows.is_null(0, 3)) found.version = rows.integer(0, 3);
  return found;
}

json read_fetched(const result& rows) { return rows.is_null(0, 0) ? json() : rows.document(0, 0); }

std::vector<tagged_entry> read_tagged(const result& rows) {
  return decode::every_row<tagged_entry>(rows, [](const result& from, int row) {
    return tagged_entry{from.text(row, 0), decode::optional_document(from, row, 1)};
  });
}

}  // namespace

statement cache_get_row(const std::string& name_space, std::string_view key) {
  return {"SELECT stash.cache_get($1, $2)", key_and_namespace(key, name_space), reads};
}

call<std::optional<std::string>> cache_get_text(const std::string& name_space,
                                                std::string_view key) {
  return {cache_get_row(name_space, key), read_text};
}

call<std::optional<std::vector<std::byte>>> cache_get_bytes(const std::string& name_space,
                                                            std::string_view key) {
  return {{"SELECT stash.cache_get_bytes($1, $2)", key_and_namespace(key, name_space), reads},
          read_bytes};
}

call<std::optional<cache_entry>> cache_get_entry(const std::string& name_space,
                                                 std::string_view key) {
  return {{"SELECT kind, value, version, tags, expires_at, hits FROM stash.cache_get_entry($1, $2)",
           key_and_namespace(key, name_space), reads},
          read_entry};
}

statement cache_get_many_row(const std::string& name_space, std::span<const std::string> keys) {
  parameters values;
  values.add(keys).add(name_space);
  return {"SELECT stash.cache_get_many($1, $2)", std::move(values), reads};
}

call<std::optional<std::int64_t>> cache_set(const std::string& name_space, std::string_view key,
                                            std::string_view text, const set_options& options) {
  parameters values;
  values.add(key).add_json_text(text);
  add_options(values, options, name_space);
  return {{"SELECT stash.cache_set($1, $2, $3, $4, $5, $6, $7, $8)", std::move(values), changes},
          decode::optional_integer};
}

call<std::optional<std::int64_t>> cache_set_bytes(const std::string& name_space,
                                                  std::string_view key,
                                                  std::span<const std::byte> value,
                                                  const set_options& options) {
  parameters values;
  values.add(key).add(value);
  add_options(values, options, name_space);
  return {
      {"SELECT stash.cache_set_bytes($1, $2, $3, $4, $5, $6, $7, $8)", std::move(values), changes},
      decode::optional_integer};
}

call<std::int64_t> cache_set_many(const std::string& name_space, std::span<const std::string> keys,
                                  std::span<const json> items, const set_options& options) {
  parameters values;
  values.add(keys).add(items).add(options.ttl);
  add_texts(values, options.tags).add(options.fresh).add(name_space);
  return {{"SELECT stash.cache_set_many($1, $2, $3, $4, $5, $6)", std::move(values), changes},
          decode::integer};
}

call<std::int64_t> cache_set_entries(const std::string& name_space, const json& entries,
                                     const set_options& options) {
  parameters values;
  values.add(entries).add(options.ttl);
  add_texts(values, options.tags).add(options.fresh).add(name_space);
  return {{"SELECT stash.cache_set_entries($1, $2, $3, $4, $5)", std::move(values), changes},
          decode::integer};
}

call<std::optional<std::int64_t>> cache_add(const std::string& name_space, std::string_view key,
                                            std::string_view text, const set_options& options) {
  parameters values;
  values.add(key).add_json_text(text).add(options.ttl);
  add_texts(values, options.tags).add(name_space);
  return {{"SELECT stash.cache_add($1, $2, $3, $4, $5)", std::move(values), changes},
          decode::optional_integer};
}

call<std::int64_t> cache_incr(const std::string& name_space, std::string_view key, std::int64_t by,
                              std::optional<seconds> ttl) {
  parameters values;
  values.add(key).add(by).add(ttl).add(name_space);
  return {{"SELECT stash.cache_incr($1, $2, $3, $4)", std::move(values), changes}, decode::integer};
}

call<bool> cache_touch(const std::string& name_space, std::string_view key,
                       std::optional<seconds> ttl) {
  parameters values;
  values.add(key).add(ttl).add(name_space);
  return {{"SELECT stash.cache_touch($1, $2, $3)", std::move(values), changes}, decode::boolean};
}

call<bool> cache_delete(const std::string& name_space, std::string_view key) {
  return {{"SELECT stash.cache_delete($1, $2)", key_and_namespace(key, name_space), changes},
          decode::boolean};
}

call<bool> cache_exists(const std::string& name_space, std::string_view key) {
  return {{"SELECT stash.cache_exists($1, $2)", key_and_namespace(key, name_space), reads},
          decode::boolean};
}

call<leased_value> cache_get_lease(const std::string& name_space, std::string_view key,
                                   const fetch_options& options) {
  parameters values;
  values.add(key).add(options.lease_ttl).add(options.stale_ttl).add(name_space);
  return {{"SELECT value, state, lease, version FROM stash.cache_get_lease($1, $2, $3, $4)",
           std::move(values), changes},
          read_lease};
}

call<json> cache_fetch(const std::string& name_space, std::string_view key, std::string_view query,
                       std::span<const std::string> arguments, const set_options& options) {
  parameters values;
  values.add(key).add(query).add(arguments).add(options.ttl);
  add_texts(values, options.tags).add(name_space);
  return {{"SELECT stash.cache_fetch($1, $2, $3, $4, $5, $6)", std::move(values), changes},
          read_fetched};
}

call<std::vector<tagged_entry>> cache_get_by_tags(const std::string& name_space,
                                                  std::span<const std::string> tags, bool match_all,
                                                  int max_rows) {
  parameters values;
  values.add(tags).add(match_all).add(std::int32_t{max_rows}).add(name_space);
  return {
      {"SELECT key, value FROM stash.cache_get_by_tags($1, $2, $3, $4)", std::move(values), reads},
      read_tagged};
}

call<std::int64_t> cache_invalidate_tags(const std::string& name_space,
                                         std::span<const std::string> tags) {
  parameters values;
  values.add(tags).add(name_space);
  return {{"SELECT stash.cache_invalidate_tags($1, $2)", std::move(values), changes},
          decode::integer};
}

call<std::int64_t> cache_delete_prefix(const std::string& name_space, std::string_view prefix) {
  return {
      {"SELECT stash.cache_delete_prefix($1, $2)", key_and_namespace(prefix, name_space), changes},
      decode::integer};
}

call<key_page> cache_keys(const std::string& name_space, std::string_view pattern,
                          const std::optional<std::string>& cursor, int max_rows) {
  parameters values;
  if (pattern.empty())
    values.add(std::nullopt);
  else
    values.add(pattern);
  values.add(cursor).add(std::int32_t{max_rows}).add(name_space);
  return {
      {"SELECT key, next_cursor FROM stash.cache_keys($1, $2, $3, $4)", std::move(values), reads},
      [max_rows](const result& rows) {
        key_page found;
        for (int row = 0; row < rows.rows(); row++) found.keys.push_back(rows.text(row, 0));
        if (rows.rows() == max_rows) found.cursor = decode::optional_text(rows, rows.rows() - 1, 1);
        return found;
      }};
}

call<std::int64_t> cache_clear(const std::string& name_space) {
  parameters values;
  values.add(name_space);
  return {{"SELECT stash.cache_clear($1)", std::move(values), changes}, decode::integer};
}

call<json> cache_info(const std::string& name_space) {
  parameters values;
  values.add(name_space);
  return {{"SELECT stash.cache_info($1)", std::move(values), reads}, decode::document};
}

call<bool> namespace_known(const std::string& name_space) {
  parameters values;
  values.add(name_space);
  return {{"SELECT stash.namespace_known($1)", std::move(values), reads}, decode::boolean};
}

}  // namespace stash::calls

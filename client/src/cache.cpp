// See stash/cache.hpp.
#include "stash/cache.hpp"

namespace stash {
namespace {

constexpr bool reads = true;
constexpr bool changes = false;

std::optional<std::int64_t> version_of(const result& rows) {
  if (rows.is_null(0, 0)) return std::nullopt;
  return rows.integer(0, 0);
}

parameters& add_tags(parameters& values, const std::vector<std::string>& tags) {
  return tags.empty() ? values.add(std::nullopt) : values.add(std::span<const std::string>(tags));
}

// What the parameters of cache_set and cache_set_bytes after the value have in common.
void add_options(parameters& values, const set_options& options, const std::string& name_space) {
  values.add(options.ttl);
  add_tags(values, options.tags)
      .add(options.if_version)
      .add(options.lease)
      .add(options.fresh)
      .add(name_space);
}

std::optional<std::string> optional_text(const result& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.text(row, column);
}

}  // namespace

result cache::get_row(std::string_view key) {
  parameters values;
  values.add(key).add(namespace_);
  return where_->execute("SELECT stash.cache_get($1, $2)", values, reads);
}

std::optional<std::string> cache::get_text(std::string_view key) {
  const result rows = get_row(key);
  if (rows.is_null(0, 0)) return std::nullopt;
  return std::string(rows.json_text(0, 0));
}

std::optional<std::vector<std::byte>> cache::get_bytes(std::string_view key) {
  parameters values;
  values.add(key).add(namespace_);
  const result rows = where_->execute("SELECT stash.cache_get_bytes($1, $2)", values, reads);
  if (rows.is_null(0, 0)) return std::nullopt;
  const std::string_view raw = rows.raw(0, 0);
  const auto* first = reinterpret_cast<const std::byte*>(raw.data());
  return std::vector<std::byte>(first, first + raw.size());
}

std::optional<cache_entry> cache::get_entry(std::string_view key) {
  parameters values;
  values.add(key).add(namespace_);
  const result rows = where_->execute(
      "SELECT kind, value, version, tags, expires_at, hits FROM stash.cache_get_entry($1, $2)",
      values, reads);
  if (rows.empty()) return std::nullopt;
  cache_entry entry;
  entry.kind = rows.text(0, 0);
  if (!rows.is_null(0, 1)) entry.value = rows.document(0, 1);
  entry.version = rows.integer(0, 2);
  for (const auto& tag : rows.elements(0, 3))
    if (tag) entry.tags.emplace_back(*tag);
  if (!rows.is_null(0, 4)) entry.expires_at = rows.moment(0, 4);
  entry.hits = rows.integer(0, 5);
  return entry;
}

result cache::get_many_row(std::span<const std::string> keys) {
  parameters values;
  values.add(keys).add(namespace_);
  return where_->execute("SELECT stash.cache_get_many($1, $2)", values, reads);
}

std::optional<std::int64_t> cache::set_json(std::string_view key, std::string_view text,
                                            const set_options& options) {
  parameters values;
  values.add(key).add_json_text(text);
  add_options(values, options, namespace_);
  return version_of(
      where_->execute("SELECT stash.cache_set($1, $2, $3, $4, $5, $6, $7, $8)", values, changes));
}

std::optional<std::int64_t> cache::set_bytes(std::string_view key, std::span<const std::byte> value,
                                             const set_options& options) {
  parameters values;
  values.add(key).add(value);
  add_options(values, options, namespace_);
  return version_of(where_->execute("SELECT stash.cache_set_bytes($1, $2, $3, $4, $5, $6, $7, $8)",
                                    values, changes));
}

std::int64_t cache::set_many(std::span<const std::string> keys, std::span<const json> items,
                             const set_options& options) {
  parameters values;
  values.add(keys).add(items).add(options.ttl);
  add_tags(values, options.tags).add(options.fresh).add(namespace_);
  return where_->execute("SELECT stash.cache_set_many($1, $2, $3, $4, $5, $6)", values, changes)
      .integer(0, 0);
}

std::int64_t cache::set_entries(const json& entries, const set_options& options) {
  parameters values;
  values.add(entries).add(options.ttl);
  add_tags(values, options.tags).add(options.fresh).add(namespace_);
  return where_->execute("SELECT stash.cache_set_entries($1, $2, $3, $4, $5)", values, changes)
      .integer(0, 0);
}

std::optional<std::int64_t> cache::add_json(std::string_view key, std::string_view text,
                                            const set_options& options) {
  parameters values;
  values.add(key).add_json_text(text).add(options.ttl);
  add_tags(values, options.tags).add(namespace_);
  return version_of(where_->execute("SELECT stash.cache_add($1, $2, $3, $4, $5)", values, changes));
}

std::int64_t cache::incr(std::string_view key, std::int64_t by, std::optional<seconds> ttl) {
  parameters values;
  values.add(key).add(by).add(ttl).add(namespace_);
  return where_->execute("SELECT stash.cache_incr($1, $2, $3, $4)", values, changes).integer(0, 0);
}

bool cache::touch(std::string_view key, std::optional<seconds> ttl) {
  parameters values;
  values.add(key).add(ttl).add(namespace_);
  return where_->execute("SELECT stash.cache_touch($1, $2, $3)", values, changes).boolean(0, 0);
}

bool cache::erase(std::string_view key) {
  parameters values;
  values.add(key).add(namespace_);
  return where_->execute("SELECT stash.cache_delete($1, $2)", values, changes).boolean(0, 0);
}

bool cache::exists(std::string_view key) {
  parameters values;
  values.add(key).add(namespace_);
  return where_->execute("SELECT stash.cache_exists($1, $2)", values, reads).boolean(0, 0);
}

leased_value cache::get_lease(std::string_view key, const fetch_options& options) {
  parameters values;
  values.add(key).add(options.lease_ttl).add(options.stale_ttl).add(namespace_);
  const result rows = where_->execute(
      "SELECT value, state, lease, version FROM stash.cache_get_lease($1, $2, $3, $4)", values,
      changes);
  leased_value found;
  const std::string state = rows.text(0, 1);
  found.state = state == "hit"     ? lease_state::hit
                : state == "stale" ? lease_state::stale
                : state == "miss"  ? lease_state::miss
                                   : lease_state::wait;
  if (!rows.is_null(0, 0)) found.value = rows.document(0, 0);
  found.lease = optional_text(rows, 0, 2);
  if (!rows.is_null(0, 3)) found.version = rows.integer(0, 3);
  return found;
}

json cache::fetch(std::string_view key, std::string_view query,
                  std::span<const std::string> arguments, const set_options& options) {
  parameters values;
  values.add(key).add(query).add(arguments).add(options.ttl);
  add_tags(values, options.tags).add(namespace_);
  const result rows =
      where_->execute("SELECT stash.cache_fetch($1, $2, $3, $4, $5, $6)", values, changes);
  return rows.is_null(0, 0) ? json() : rows.document(0, 0);
}

std::vector<cache::tagged> cache::get_by_tags(std::span<const std::string> tags, bool match_all,
                                              int max_rows) {
  parameters values;
  values.add(tags).add(match_all).add(std::int32_t{max_rows}).add(namespace_);
  const result rows = where_->execute(
      "SELECT key, value FROM stash.cache_get_by_tags($1, $2, $3, $4)", values, reads);
  std::vector<tagged> found;
  found.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); row++)
    found.push_back({rows.text(row, 0), rows.is_null(row, 1) ? json() : rows.document(row, 1)});
  return found;
}

std::int64_t cache::invalidate_tags(std::span<const std::string> tags) {
  parameters values;
  values.add(tags).add(namespace_);
  return where_->execute("SELECT stash.cache_invalidate_tags($1, $2)", values, changes)
      .integer(0, 0);
}

std::int64_t cache::delete_prefix(std::string_view prefix) {
  parameters values;
  values.add(prefix).add(namespace_);
  return where_->execute("SELECT stash.cache_delete_prefix($1, $2)", values, changes).integer(0, 0);
}

cache::page cache::keys(std::string_view pattern, const std::optional<std::string>& cursor,
                        int max_rows) {
  parameters values;
  if (pattern.empty())
    values.add(std::nullopt);
  else
    values.add(pattern);
  values.add(cursor).add(std::int32_t{max_rows}).add(namespace_);
  const result rows = where_->execute(
      "SELECT key, next_cursor FROM stash.cache_keys($1, $2, $3, $4)", values, reads);
  page found;
  for (int row = 0; row < rows.rows(); row++) found.keys.push_back(rows.text(row, 0));
  if (rows.rows() == max_rows) found.cursor = optional_text(rows, rows.rows() - 1, 1);
  return found;
}

std::int64_t cache::clear() {
  parameters values;
  values.add(namespace_);
  return where_->execute("SELECT stash.cache_clear($1)", values, changes).integer(0, 0);
}

bool cache::namespace_known() {
  parameters values;
  values.add(namespace_);
  return where_->execute("SELECT stash.namespace_known($1)", values, reads).boolean(0, 0);
}

json cache::info() {
  parameters values;
  values.add(namespace_);
  return where_->execute("SELECT stash.cache_info($1)", values, reads).document(0, 0);
}

}  // namespace stash

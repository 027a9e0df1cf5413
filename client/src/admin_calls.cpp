// See stash/admin_calls.hpp.
#include "stash/admin_calls.hpp"

#include "decode.hpp"
#include "values.hpp"

namespace stash::calls {
namespace {

using decode::changes;
using decode::reads;

parameters namespace_values(std::string_view name, const namespace_options& options) {
  parameters values = values::of(name, options.max_bytes, options.default_ttl, options.strict);
  if (options.roles)
    values.add(std::span<const std::string>(*options.roles));
  else
    values.add(std::nullopt);
  return values;
}

}  // namespace

call<void> cache_namespace_create(std::string_view name, const namespace_options& options) {
  return {{"SELECT stash.cache_namespace_create($1, $2, $3, coalesce($4, false), $5)",
           namespace_values(name, options), changes},
          decode::nothing};
}

call<void> cache_namespace_alter(std::string_view name, const namespace_options& options) {
  return {{"SELECT stash.cache_namespace_alter($1, $2, $3, $4, $5)",
           namespace_values(name, options), changes},
          decode::nothing};
}

call<bool> cache_namespace_drop(std::string_view name) {
  return {{"SELECT stash.cache_namespace_drop($1)", values::of(name), changes}, decode::boolean};
}

call<std::vector<json>> cache_namespace_list() {
  return {{"SELECT to_jsonb(n) FROM stash.cache_namespace_list() AS n", {}, reads},
          decode::documents};
}

call<std::vector<json>> cache_statistics() {
  return {{"SELECT to_jsonb(s) FROM stash.cache_statistics() AS s", {}, reads}, decode::documents};
}

call<std::vector<json>> worker_status() {
  return {{"SELECT to_jsonb(w) FROM stash.worker_status() AS w", {}, reads}, decode::documents};
}

call<json> cache_usage() {
  return {{"SELECT to_jsonb(u) FROM stash.cache_usage() AS u", {}, reads}, decode::document};
}

call<json> health_check() { return {{"SELECT stash.health_check()", {}, reads}, decode::document}; }

call<void> stat_reset() { return {{"SELECT stash.stat_reset()", {}, changes}, decode::nothing}; }

call<void> cache_invalidate_on(std::string_view relation, std::string_view tag_template,
                               std::string_view name_space) {
  return {{"SELECT stash.cache_invalidate_on($1::text::regclass, $2, $3)",
           values::of(relation, tag_template, name_space), changes},
          decode::nothing};
}

call<bool> cache_invalidate_off(std::string_view relation) {
  return {{"SELECT stash.cache_invalidate_off($1::text::regclass)", values::of(relation), changes},
          decode::boolean};
}

call<void> grant_usage(std::string_view role, const std::vector<std::string>& modules) {
  return {{"SELECT stash.grant_usage(quote_ident($1)::regrole, $2)", values::of(role, modules),
           changes},
          decode::nothing};
}

call<void> revoke_usage(std::string_view role, const std::vector<std::string>& modules) {
  return {{"SELECT stash.revoke_usage(quote_ident($1)::regrole, $2)", values::of(role, modules),
           changes},
          decode::nothing};
}

call<std::vector<std::string>> module_functions(const std::vector<std::string>& modules) {
  return {{"SELECT f::text FROM stash.module_functions($1) AS f ORDER BY 1", values::of(modules),
           reads},
          decode::texts};
}

call<void> memory_retention_set(std::string_view agent_pattern, std::optional<int> keep_last,
                                std::optional<seconds> max_age) {
  return {{"SELECT stash.memory_retention_set($1, $2, $3)",
           values::of(agent_pattern, keep_last, max_age), changes},
          decode::nothing};
}

call<bool> memory_retention_unset(std::string_view agent_pattern) {
  return {{"SELECT stash.memory_retention_unset($1)", values::of(agent_pattern), changes},
          decode::boolean};
}

call<std::vector<json>> memory_retention_list() {
  return {{"SELECT to_jsonb(r) FROM stash.memory_retention_list() AS r", {}, reads},
          decode::documents};
}

call<std::vector<json>> memory_check() {
  return {{"SELECT to_jsonb(c) FROM stash.memory_check() AS c", {}, reads}, decode::documents};
}

call<json> memory_collect(std::optional<int> max_parts) {
  return {{"SELECT to_jsonb(c) FROM stash.memory_collect($1) AS c", values::of(max_parts), changes},
          decode::document};
}

call<void> memory_snapshot_sync_enable(std::string_view collection, const json& options) {
  return {{"SELECT stash.memory_snapshot_sync_enable($1, $2)", values::of(collection, options),
           changes},
          decode::nothing};
}

call<std::int64_t> memory_snapshot_sync_disable(const std::optional<std::string>& collection) {
  return {{"SELECT stash.memory_snapshot_sync_disable($1)", values::of(collection), changes},
          decode::integer};
}

call<void> memory_search_configure(const std::optional<std::string>& language,
                                   const std::optional<std::string>& agent_id,
                                   const json& weights) {
  return {{"SELECT stash.memory_search_configure($1::text::regconfig, $2, $3)",
           values::of(language, agent_id, weights), changes},
          decode::nothing};
}

call<bool> memory_search_reset(const std::optional<std::string>& agent_id) {
  return {{"SELECT stash.memory_search_reset($1)", values::of(agent_id), changes}, decode::boolean};
}

call<std::int64_t> memory_search_rebuild(const std::optional<std::string>& agent_id) {
  return {{"SELECT stash.memory_search_rebuild($1)", values::of(agent_id), changes},
          decode::integer};
}

call<std::vector<json>> memory_search_status() {
  return {{"SELECT to_jsonb(s) FROM stash.memory_search_status() AS s", {}, changes},
          decode::documents};
}

call<std::vector<json>> weaviate_health() {
  return {{"SELECT to_jsonb(h) FROM stash.weaviate_health() AS h", {}, reads}, decode::documents};
}

call<std::vector<json>> weaviate_nodes() {
  return {{"SELECT to_jsonb(n) FROM stash.weaviate_nodes() AS n", {}, reads}, decode::documents};
}

call<void> weaviate_configure(const std::optional<std::string>& url,
                              const std::optional<secret>& api_key, const json& options) {
  return {
      {"SELECT stash.weaviate_configure($1, $2, $3)", values::of(url, api_key, options), changes},
      decode::nothing};
}

call<void> weaviate_adopt() {
  return {{"SELECT stash.weaviate_adopt()", {}, changes}, decode::nothing};
}

call<void> weaviate_set_key(const secret& api_key) {
  return {{"SELECT stash.weaviate_set_key($1)", values::of(api_key), changes}, decode::nothing};
}

call<std::string> version() { return {{"SELECT stash.version()", {}, reads}, decode::text}; }

call<bool> preloaded() { return {{"SELECT stash.preloaded()", {}, reads}, decode::boolean}; }

}  // namespace stash::calls

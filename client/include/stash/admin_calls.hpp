// The calls of administration as values: see stash/call.hpp. Named as the functions are; the
// methods of basic_admin say what they do.
#pragma once

#include "stash/call.hpp"
#include "stash/secret.hpp"

namespace stash {

/// Of a namespace; what is unset is the server's default, or stays as it is.
struct namespace_options {
  /// How much memory its entries may take.
  std::optional<std::int64_t> max_bytes = {};
  /// For entries that name none; infinity: never.
  std::optional<seconds> default_ttl = {};
  /// As the server's cache_namespace_create describes it.
  std::optional<bool> strict = {};
  /// Who may use it; unset: everybody who may use the cache.
  std::optional<std::vector<std::string>> roles = {};
};

namespace calls {

STASH_API call<void> cache_namespace_create(std::string_view name,
                                            const namespace_options& options);
STASH_API call<void> cache_namespace_alter(std::string_view name, const namespace_options& options);
STASH_API call<bool> cache_namespace_drop(std::string_view name);
STASH_API call<std::vector<json>> cache_namespace_list();
STASH_API call<std::vector<json>> cache_statistics();
STASH_API call<std::vector<json>> worker_status();
STASH_API call<json> cache_usage();
STASH_API call<json> health_check();
STASH_API call<void> stat_reset();
STASH_API call<void> cache_invalidate_on(std::string_view relation, std::string_view tag_template,
                                         std::string_view name_space);
STASH_API call<bool> cache_invalidate_off(std::string_view relation);
STASH_API call<void> grant_usage(std::string_view role, const std::vector<std::string>& modules);
STASH_API call<void> revoke_usage(std::string_view role, const std::vector<std::string>& modules);
STASH_API call<std::vector<std::string>> module_functions(const std::vector<std::string>& modules);
STASH_API call<void> memory_retention_set(std::string_view agent_pattern,
                                          std::optional<int> keep_last,
                                          std::optional<seconds> max_age);
STASH_API call<bool> memory_retention_unset(std::string_view agent_pattern);
STASH_API call<std::vector<json>> memory_retention_list();
STASH_API call<std::vector<json>> memory_check();
STASH_API call<json> memory_collect(std::optional<int> max_parts);
STASH_API call<void> memory_snapshot_sync_enable(std::string_view collection, const json& options);
STASH_API call<std::int64_t> memory_snapshot_sync_disable(
    const std::optional<std::string>& collection);
STASH_API call<void> memory_search_configure(const std::optional<std::string>& language,
                                             const std::optional<std::string>& agent_id,
                                             const json& weights);
STASH_API call<bool> memory_search_reset(const std::optional<std::string>& agent_id);
STASH_API call<std::int64_t> memory_search_rebuild(const std::optional<std::string>& agent_id);
STASH_API call<std::vector<json>> memory_search_status();
STASH_API call<std::vector<json>> weaviate_health();
STASH_API call<std::vector<json>> weaviate_nodes();
STASH_API call<void> weaviate_configure(const std::optional<std::string>& url,
                                        const std::optional<secret>& api_key, const json& options);
STASH_API call<void> weaviate_adopt();
STASH_API call<void> weaviate_set_key(const secret& api_key);
STASH_API call<std::string> version();
STASH_API call<bool> preloaded();

}  // namespace calls
}  // namespace stash

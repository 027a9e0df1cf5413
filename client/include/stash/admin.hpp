// Typed calls for those who run the cache: namespaces, ties, rights, figures.
#pragma once

#include "stash/admin_calls.hpp"
#include "stash/executor.hpp"

namespace stash {

/// Cheap to copy; refers to what it runs on. `of<R>` as in basic_cache.
template <typename Run>
class basic_admin {
 public:
  /// What a call that gives an R returns here.
  template <typename R>
  using of = typename Run::template returns<R>;

  /// Calls on a client, in a transaction, in a pipeline.
  explicit basic_admin(Run run) : run_(std::move(run)) {}

  /// Makes a namespace.
  of<void> create_namespace(std::string_view name, const namespace_options& options = {}) {
    return run_(calls::cache_namespace_create(name, options));
  }
  /// Changes what is set in the options.
  of<void> alter_namespace(std::string_view name, const namespace_options& options) {
    return run_(calls::cache_namespace_alter(name, options));
  }
  /// False when there was none.
  of<bool> drop_namespace(std::string_view name) { return run_(calls::cache_namespace_drop(name)); }
  /// Rows as JSON objects, for these and the next two.
  [[nodiscard]] of<std::vector<json>> namespaces() { return run_(calls::cache_namespace_list()); }
  /// Rows as JSON objects: figures of each namespace.
  [[nodiscard]] of<std::vector<json>> cache_statistics() { return run_(calls::cache_statistics()); }
  /// Rows as JSON objects: the background workers.
  [[nodiscard]] of<std::vector<json>> worker_status() { return run_(calls::worker_status()); }
  /// The shared memory in use, as an object.
  [[nodiscard]] of<json> cache_usage() { return run_(calls::cache_usage()); }
  /// What the server thinks of its own state.
  [[nodiscard]] of<json> health_check() { return run_(calls::health_check()); }
  /// Sets the figures back to zero.
  of<void> reset_statistics() { return run_(calls::stat_reset()); }

  /// Ties cache tags to a table's committed changes.
  of<void> invalidate_on(std::string_view relation, std::string_view tag_template,
                         std::string_view name_space = "default") {
    return run_(calls::cache_invalidate_on(relation, tag_template, name_space));
  }
  /// Undoes invalidate_on; false when there was no tie.
  of<bool> invalidate_off(std::string_view relation) {
    return run_(calls::cache_invalidate_off(relation));
  }

  /// Lets a role use modules, as "cache" and "session".
  of<void> grant_usage(std::string_view role, const std::vector<std::string>& modules) {
    return run_(calls::grant_usage(role, modules));
  }
  /// Takes that away.
  of<void> revoke_usage(std::string_view role, const std::vector<std::string>& modules) {
    return run_(calls::revoke_usage(role, modules));
  }
  /// The functions, with the types of their arguments, that these modules have.
  [[nodiscard]] of<std::vector<std::string>> module_functions(
      const std::vector<std::string>& modules) {
    return run_(calls::module_functions(modules));
  }

  /// Lets the worker delete versions of snapshots of the agents whose ids match (* and ?): those
  /// not among the last keep_last of their key and older than max_age; at least one of the two.
  of<void> set_snapshot_retention(std::string_view agent_pattern, std::optional<int> keep_last,
                                  std::optional<seconds> max_age = {}) {
    return run_(calls::memory_retention_set(agent_pattern, keep_last, max_age));
  }
  /// False when there was none.
  of<bool> unset_snapshot_retention(std::string_view agent_pattern) {
    return run_(calls::memory_retention_unset(agent_pattern));
  }
  /// Rows as JSON objects: the policies, and the problems that check_snapshots finds.
  [[nodiscard]] of<std::vector<json>> snapshot_retention() {
    return run_(calls::memory_retention_list());
  }
  /// Looks through all snapshots; nothing when all is well.
  [[nodiscard]] of<std::vector<json>> check_snapshots() { return run_(calls::memory_check()); }
  /// Deletes at most so many parts that no version has any more, as the worker does by itself. An
  /// object: how many parts, of how many pools.
  of<json> collect_snapshots(std::optional<int> max_parts = {}) {
    return run_(calls::memory_collect(max_parts));
  }
  /// Keeps a Weaviate collection in step with all snapshots that have an embedding, from the commit
  /// of this call on. Options: index, consistency, replication_factor, dimensions.
  of<void> enable_snapshot_sync(std::string_view collection = "MemorySnapshot",
                                const json& options = json::object()) {
    return run_(calls::memory_snapshot_sync_enable(collection, options));
  }
  /// Ends it; unset: the only one. How many ended.
  of<std::int64_t> disable_snapshot_sync(const std::optional<std::string>& collection = {}) {
    return run_(calls::memory_snapshot_sync_disable(collection));
  }

  /// Switches full text on for an agent's memory; unset: for all that have no choice of their own.
  /// language: a text search configuration; unset: not indexed. weights: as on the server.
  of<void> configure_memory_search(const std::optional<std::string>& language,
                                   const std::optional<std::string>& agent_id = {},
                                   const json& weights = json::object()) {
    return run_(calls::memory_search_configure(language, agent_id, weights));
  }
  /// Takes that back; false when nothing was chosen.
  of<bool> reset_memory_search(const std::optional<std::string>& agent_id = {}) {
    return run_(calls::memory_search_reset(agent_id));
  }
  /// Makes the full-text index anew, unset: of all agents; how many parts are in it.
  of<std::int64_t> rebuild_memory_search(const std::optional<std::string>& agent_id = {}) {
    return run_(calls::memory_search_rebuild(agent_id));
  }
  /// Rows as JSON objects: full text by agent.
  [[nodiscard]] of<std::vector<json>> memory_search_status() {
    return run_(calls::memory_search_status());
  }

  /// Says which Weaviate this database feeds; unset ends it. options: as on the server. Superusers
  /// only.
  of<void> configure_weaviate(const std::optional<std::string>& url,
                              const std::optional<secret>& api_key = {},
                              const json& options = json::object()) {
    return run_(calls::weaviate_configure(url, api_key, options));
  }
  /// Lets a copy of a configured database feed its Weaviate from now on. Superusers only.
  of<void> adopt_weaviate() { return run_(calls::weaviate_adopt()); }
  /// One object: how the configured Weaviate answers. Error 55000 when none is configured.
  [[nodiscard]] of<std::vector<json>> weaviate_health() { return run_(calls::weaviate_health()); }
  /// Rows as JSON objects: its nodes.
  [[nodiscard]] of<std::vector<json>> weaviate_nodes() { return run_(calls::weaviate_nodes()); }
  /// Changes the API key; an empty one takes it away.
  of<void> set_weaviate_key(const secret& api_key) {
    return run_(calls::weaviate_set_key(api_key));
  }

  /// The version of the extension.
  [[nodiscard]] of<std::string> version() { return run_(calls::version()); }
  /// Whether the server was started with the library.
  [[nodiscard]] of<bool> preloaded() { return run_(calls::preloaded()); }

 private:
  Run run_;
};

/// The calls of administration, each at once.
using admin = basic_admin<run_now>;

}  // namespace stash

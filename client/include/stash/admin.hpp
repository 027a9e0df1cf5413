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

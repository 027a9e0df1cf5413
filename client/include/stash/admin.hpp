// Typed calls for those who run the cache: namespaces, ties, rights, figures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stash/executor.hpp"

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

/// Cheap to copy; refers to its executor.
class STASH_API admin {
 public:
  /// Calls on a client or in a transaction.
  explicit admin(executor& where) : where_(&where) {}

  /// Makes a namespace.
  void create_namespace(std::string_view name, const namespace_options& options = {});
  /// Changes what is set in the options.
  void alter_namespace(std::string_view name, const namespace_options& options);
  /// False when there was none.
  bool drop_namespace(std::string_view name);
  /// Rows as JSON objects, for these and the next two.
  [[nodiscard]] std::vector<json> namespaces();
  /// Rows as JSON objects: figures of each namespace.
  [[nodiscard]] std::vector<json> cache_statistics();
  /// Rows as JSON objects: the background workers.
  [[nodiscard]] std::vector<json> worker_status();
  /// The shared memory in use, as an object.
  [[nodiscard]] json cache_usage();
  /// What the server thinks of its own state.
  [[nodiscard]] json health_check();
  /// Sets the figures back to zero.
  void reset_statistics();

  /// Ties cache tags to a table's committed changes.
  void invalidate_on(std::string_view relation, std::string_view tag_template,
                     std::string_view name_space = "default");
  /// Undoes invalidate_on; false when there was no tie.
  bool invalidate_off(std::string_view relation);

  /// Lets a role use modules, as "cache" and "session".
  void grant_usage(std::string_view role, const std::vector<std::string>& modules);
  /// Takes that away.
  void revoke_usage(std::string_view role, const std::vector<std::string>& modules);

  /// The version of the extension.
  [[nodiscard]] std::string version();
  /// Whether the server was started with the library.
  [[nodiscard]] bool preloaded();

 private:
  executor* where_;
};

}  // namespace stash

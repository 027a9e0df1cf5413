// Typed calls for those who run the cache: namespaces, ties, rights, figures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stash/executor.hpp"

namespace stash {

struct namespace_options {
  std::optional<std::int64_t> max_bytes = {};
  std::optional<seconds> default_ttl = {};
  std::optional<bool> strict = {};
  std::optional<std::vector<std::string>> roles = {};
};

class STASH_API admin {
 public:
  explicit admin(executor& where) : where_(&where) {}

  void create_namespace(std::string_view name, const namespace_options& options = {});
  void alter_namespace(std::string_view name, const namespace_options& options);
  bool drop_namespace(std::string_view name);
  /// Rows as JSON objects, for these and the next two.
  [[nodiscard]] std::vector<json> namespaces();
  [[nodiscard]] std::vector<json> cache_statistics();
  [[nodiscard]] std::vector<json> worker_status();
  [[nodiscard]] json cache_usage();
  [[nodiscard]] json health_check();
  void reset_statistics();

  /// Ties cache tags to a table's committed changes.
  void invalidate_on(std::string_view relation, std::string_view tag_template,
                     std::string_view name_space = "default");
  bool invalidate_off(std::string_view relation);

  void grant_usage(std::string_view role, const std::vector<std::string>& modules);
  void revoke_usage(std::string_view role, const std::vector<std::string>& modules);

  [[nodiscard]] std::string version();
  [[nodiscard]] bool preloaded();

 private:
  executor* where_;
};

}  // namespace stash

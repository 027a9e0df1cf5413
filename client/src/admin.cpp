// See stash/admin.hpp.
#include "stash/admin.hpp"

namespace stash {
namespace {

constexpr bool reads = true;
constexpr bool changes = false;

parameters namespace_values(std::string_view name, const namespace_options& options) {
  parameters values;
  values.add(name).add(options.max_bytes).add(options.default_ttl).add(options.strict);
  if (options.roles)
    values.add(std::span<const std::string>(*options.roles));
  else
    values.add(std::nullopt);
  return values;
}

std::vector<json> documents(const result& rows) {
  std::vector<json> found;
  found.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); row++) found.push_back(rows.document(row, 0));
  return found;
}

parameters role_and_modules(std::string_view role, const std::vector<std::string>& modules) {
  parameters values;
  values.add(role).add(std::span<const std::string>(modules));
  return values;
}

}  // namespace

void admin::create_namespace(std::string_view name, const namespace_options& options) {
  (void)where_->execute("SELECT stash.cache_namespace_create($1, $2, $3, coalesce($4, false), $5)",
                        namespace_values(name, options), changes);
}

void admin::alter_namespace(std::string_view name, const namespace_options& options) {
  (void)where_->execute("SELECT stash.cache_namespace_alter($1, $2, $3, $4, $5)",
                        namespace_values(name, options), changes);
}

bool admin::drop_namespace(std::string_view name) {
  parameters values;
  values.add(name);
  return where_->execute("SELECT stash.cache_namespace_drop($1)", values, changes).boolean(0, 0);
}

std::vector<json> admin::namespaces() {
  return documents(
      where_->execute("SELECT to_jsonb(n) FROM stash.cache_namespace_list() AS n", {}, reads));
}

std::vector<json> admin::cache_statistics() {
  return documents(
      where_->execute("SELECT to_jsonb(s) FROM stash.cache_statistics() AS s", {}, reads));
}

std::vector<json> admin::worker_status() {
  return documents(
      where_->execute("SELECT to_jsonb(w) FROM stash.worker_status() AS w", {}, reads));
}

json admin::cache_usage() {
  return where_->execute("SELECT to_jsonb(u) FROM stash.cache_usage() AS u", {}, reads)
      .document(0, 0);
}

json admin::health_check() {
  return where_->execute("SELECT stash.health_check()", {}, reads).document(0, 0);
}

void admin::reset_statistics() { (void)where_->execute("SELECT stash.stat_reset()", {}, changes); }

void admin::invalidate_on(std::string_view relation, std::string_view tag_template,
                          std::string_view name_space) {
  parameters values;
  values.add(relation).add(tag_template).add(name_space);
  (void)where_->execute("SELECT stash.cache_invalidate_on($1::text::regclass, $2, $3)", values,
                        changes);
}

bool admin::invalidate_off(std::string_view relation) {
  parameters values;
  values.add(relation);
  return where_->execute("SELECT stash.cache_invalidate_off($1::text::regclass)", values, changes)
      .boolean(0, 0);
}

void admin::grant_usage(std::string_view role, const std::vector<std::string>& modules) {
  (void)where_->execute("SELECT stash.grant_usage(quote_ident($1)::regrole, $2)",
                        role_and_modules(role, modules), changes);
}

void admin::revoke_usage(std::string_view role, const std::vector<std::string>& modules) {
  (void)where_->execute("SELECT stash.revoke_usage(quote_ident($1)::regrole, $2)",
                        role_and_modules(role, modules), changes);
}

std::string admin::version() {
  return where_->execute("SELECT stash.version()", {}, reads).text(0, 0);
}

bool admin::preloaded() {
  return where_->execute("SELECT stash.preloaded()", {}, reads).boolean(0, 0);
}

}  // namespace stash

// See stash/session_calls.hpp.
#include "stash/session_calls.hpp"

#include "decode.hpp"
#include "values.hpp"

namespace stash::calls {
namespace {

using decode::changes;
using decode::optional_moment;
using decode::optional_text;
using decode::reads;
using values::add_optional_as;
using values::id_and;

#define SESSION_COLUMNS                                                           \
  "id, user_id, agent_id, data, schema_version, version, created_at, updated_at," \
  " last_seen_at, expires_at, absolute_expires_at, idle_ttl, host(ip), user_agent"

session session_of(const result& rows, int row) {
  session found;
  found.id = rows.uuid(row, 0);
  found.user_id = optional_text(rows, row, 1);
  found.agent_id = optional_text(rows, row, 2);
  found.data = rows.document(row, 3);
  found.schema_version = static_cast<int>(rows.integer(row, 4));
  found.version = rows.integer(row, 5);
  found.created_at = rows.moment(row, 6);
  found.updated_at = rows.moment(row, 7);
  found.last_seen_at = rows.moment(row, 8);
  found.expires_at = optional_moment(rows, row, 9);
  found.absolute_expires_at = optional_moment(rows, row, 10);
  if (!rows.is_null(row, 11)) found.idle_ttl = seconds{rows.number(row, 11)};
  found.ip = optional_text(rows, row, 12);
  found.user_agent = optional_text(rows, row, 13);
  return found;
}

std::optional<session> first_of(const result& rows) {
  if (rows.empty()) return std::nullopt;
  return session_of(rows, 0);
}

std::vector<session> all_of(const result& rows) { return decode::every_row(rows, session_of); }

std::vector<ended_session> read_history(const result& rows) {
  std::vector<ended_session> found;
  found.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); row++)
    found.push_back({rows.uuid(row, 0), optional_text(rows, row, 1), optional_text(rows, row, 2),
                     rows.moment(row, 3), rows.moment(row, 4), rows.moment(row, 5),
                     rows.text(row, 6), optional_text(rows, row, 7), optional_text(rows, row, 8)});
  return found;
}

std::vector<session_bucket> read_buckets(const result& rows) {
  std::vector<session_bucket> found;
  for (int row = 0; row < rows.rows(); row++) {
    session_bucket each;
    each.start = rows.moment(row, 0);
    std::int64_t* const counts[] = {&each.created, &each.expired,       &each.idle,
                                    &each.deleted, &each.revoked,       &each.evicted,
                                    &each.active,  &each.distinct_users};
    for (int i = 0; i < 8; i++) *counts[i] = rows.integer(row, i + 1);
    if (!rows.is_null(row, 9)) each.median_duration = rows.number(row, 9);
    if (!rows.is_null(row, 10)) each.p95_duration = rows.number(row, 10);
    found.push_back(each);
  }
  return found;
}

}  // namespace

call<created_session> session_create(const session_options& options) {
  parameters values;
  values.add(options.user_id)
      .add(options.agent_id)
      .add(options.data)
      .add(options.ttl)
      .add(options.idle_ttl)
      .add(options.absolute_ttl);
  add_optional_as(values, options.ip, inet_type)
      .add(options.user_agent)
      .add(options.max_per_user)
      .add(std::int32_t{options.schema_version});
  return {{"SELECT id, token, expires_at"
           " FROM stash.session_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
           std::move(values), changes},
          [](const result& rows) {
            return created_session{rows.uuid(0, 0), secret(rows.text(0, 1)),
                                   optional_moment(rows, 0, 2)};
          }};
}

call<std::optional<session>> session_get(std::string_view id, bool touch) {
  return {{"SELECT " SESSION_COLUMNS " FROM stash.session_get($1, $2)", id_and(id, touch), reads},
          first_of};
}

call<std::optional<session>> session_get_by_token(const secret& token, bool touch) {
  parameters values;
  values.add(token).add(touch);
  return {{"SELECT " SESSION_COLUMNS " FROM stash.session_get_by_token($1, $2)", std::move(values),
           reads},
          first_of};
}

call<std::optional<std::int64_t>> session_update(std::string_view id, const json& data,
                                                 const update_options& options) {
  return {{"SELECT stash.session_update($1, $2, $3, $4, $5)",
           id_and(id, data, options.expected_version,
                  options.mode == update_mode::merge ? "merge" : "replace", options.schema_version),
           changes},
          decode::optional_integer};
}

call<bool> session_touch(std::string_view id) {
  return {{"SELECT stash.session_touch($1)", id_and(id), reads}, decode::boolean};
}

call<std::optional<time_point>> session_extend(std::string_view id, std::optional<seconds> ttl) {
  return {{"SELECT stash.session_extend($1, $2)", id_and(id, ttl), changes},
          [](const result& rows) { return optional_moment(rows, 0, 0); }};
}

call<std::optional<secret>> session_rotate_token(std::string_view id, seconds grace) {
  return {{"SELECT stash.session_rotate_token($1, $2)", id_and(id, grace), changes},
          [](const result& rows) -> std::optional<secret> {
            if (rows.is_null(0, 0)) return std::nullopt;
            return secret(rows.text(0, 0));
          }};
}

call<bool> session_delete(std::string_view id, const std::optional<std::string>& reason) {
  return {{"SELECT stash.session_delete($1, $2)", id_and(id, reason), changes}, decode::boolean};
}

call<std::int64_t> session_revoke_others(std::string_view id,
                                         const std::optional<std::string>& reason) {
  return {{"SELECT stash.session_revoke_others($1, $2)", id_and(id, reason), changes},
          decode::integer};
}

call<std::int64_t> session_bulk_delete(const std::optional<std::vector<std::string>>& ids,
                                       const session_filter& filter,
                                       const std::optional<std::string>& reason) {
  parameters values;
  if (ids)
    values.add_uuids(*ids);
  else
    values.add(std::nullopt);
  values.add(filter.user_id).add(filter.agent_id).add(reason);
  return {{"SELECT stash.session_bulk_delete($1, $2, $3, $4)", std::move(values), changes},
          decode::integer};
}

call<std::vector<session>> session_list(const session_filter& filter, std::optional<bool> active,
                                        const std::optional<std::string>& after, int max_rows) {
  parameters values;
  values.add(filter.user_id).add(filter.agent_id).add(active);
  add_optional_as(values, after, uuid_type).add(std::int32_t{max_rows});
  return {{"SELECT " SESSION_COLUMNS " FROM stash.session_list($1, $2, $3, $4, $5)",
           std::move(values), reads},
          all_of};
}

call<std::int64_t> session_get_active_count(const session_filter& filter) {
  parameters values;
  values.add(filter.user_id).add(filter.agent_id);
  return {{"SELECT stash.session_get_active_count($1, $2)", std::move(values), reads},
          decode::integer};
}

call<std::int64_t> session_cleanup_inactive(std::optional<seconds> idle, int batch) {
  parameters values;
  values.add(idle).add(std::int32_t{batch});
  return {{"SELECT stash.session_cleanup_inactive($1, $2)", std::move(values), changes},
          decode::integer};
}

call<std::vector<ended_session>> session_history(const std::optional<std::string>& user_id,
                                                 std::optional<time_point> since,
                                                 std::optional<time_point> until, int max_rows) {
  parameters values;
  values.add(user_id).add(since).add(until).add(std::int32_t{max_rows});
  return {{"SELECT id, session_user_id, agent_id, created_at, last_seen_at, ended_at, kind, reason,"
           " ended_by FROM stash.session_history($1, $2, $3, $4)",
           std::move(values), reads},
          read_history};
}

call<std::vector<session_bucket>> session_analytics(std::optional<time_point> since,
                                                    std::optional<time_point> until,
                                                    seconds bucket) {
  parameters values;
  values.add(since).add(until).add(bucket);
  return {{"SELECT bucket_start, created, expired, idle, deleted, revoked, evicted, active,"
           " distinct_users, median_duration, p95_duration"
           " FROM stash.session_analytics($1, $2, make_interval(secs => $3))",
           std::move(values), reads},
          read_buckets};
}

}  // namespace stash::calls

// Typed calls of the session_* functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stash/executor.hpp"
#include "stash/secret.hpp"

namespace stash {

/// Of a new session.
struct session_options {
  /// Whose it is.
  std::optional<std::string> user_id = {};
  std::optional<std::string> agent_id = {};
  /// What the application keeps in it.
  json data = json::object();
  /// Unset: the server's settings. infinity: no limit.
  std::optional<seconds> ttl = {};
  std::optional<seconds> idle_ttl = {};
  std::optional<seconds> absolute_ttl = {};
  /// Where it came from.
  std::optional<std::string> ip = {};
  std::optional<std::string> user_agent = {};
  /// Beyond it the server ends one of the user's sessions, or refuses (stash.session_limit_action).
  std::optional<int> max_per_user = {};
  /// The application's own version of the data's form.
  int schema_version = 1;
};

/// What create() returns.
struct created_session {
  std::string id;
  /// Shown here only; the server keeps its SHA-256.
  secret token;
  std::optional<time_point> expires_at;
};

/// A session as it was found.
struct session {
  std::string id;
  std::optional<std::string> user_id = {};
  std::optional<std::string> agent_id = {};
  json data;
  int schema_version = 1;
  std::int64_t version = 0;
  time_point created_at;
  time_point updated_at;
  time_point last_seen_at;
  std::optional<time_point> expires_at;
  std::optional<time_point> absolute_expires_at;
  std::optional<seconds> idle_ttl = {};
  std::optional<std::string> ip = {};
  std::optional<std::string> user_agent = {};
};

/// merge: keys given replace those that are there. replace: all of the data.
enum class update_mode { merge, replace };

/// How to update.
struct update_options {
  /// server_error 40001 when the session has another version.
  std::optional<std::int64_t> expected_version = {};
  /// See update_mode.
  update_mode mode = update_mode::merge;
  /// Unset: stays.
  std::optional<int> schema_version = {};
};

/// Which sessions; an unset field does not matter.
struct session_filter {
  std::optional<std::string> user_id = {};
  std::optional<std::string> agent_id = {};
};

/// A row of the history.
struct ended_session {
  std::string id;
  std::optional<std::string> user_id = {};
  std::optional<std::string> agent_id = {};
  time_point created_at;
  time_point last_seen_at;
  time_point ended_at;
  std::string kind;
  std::optional<std::string> reason;
  std::optional<std::string> ended_by;
};

/// What happened in a stretch of time.
struct session_bucket {
  time_point start;
  std::int64_t created = 0, expired = 0, idle = 0, deleted = 0, revoked = 0, evicted = 0;
  std::int64_t active = 0, distinct_users = 0;
  std::optional<double> median_duration, p95_duration;
};

/// Cheap to copy; refers to its executor. A session that is unknown, expired or ended is nothing,
/// or false.
class STASH_API sessions {
 public:
  /// Calls on a client or in a transaction.
  explicit sessions(executor& where) : where_(&where) {}

  /// Makes a session.
  created_session create(const session_options& options);
  /// By its id; `touch` counts as use of it.
  [[nodiscard]] std::optional<session> get(std::string_view id, bool touch = false);
  /// By its token.
  [[nodiscard]] std::optional<session> get_by_token(const secret& token, bool touch = true);
  /// The new version.
  std::optional<std::int64_t> update(std::string_view id, const json& data,
                                     const update_options& options = {});
  /// Counts as use of the session.
  bool touch(std::string_view id);
  /// When it expires now; nothing when it is unknown, or never expires.
  std::optional<time_point> extend(std::string_view id, std::optional<seconds> ttl = {});
  /// A new token; the old one still works for `grace`.
  std::optional<secret> rotate_token(std::string_view id, seconds grace = seconds{0});
  /// Ends a session.
  bool erase(std::string_view id, const std::optional<std::string>& reason = {});
  /// Ends the other sessions of the same user; how many.
  std::int64_t revoke_others(std::string_view id, const std::optional<std::string>& reason = {});
  /// Ends the sessions that meet every condition given.
  std::int64_t bulk_delete(const std::optional<std::vector<std::string>>& ids,
                           const session_filter& filter = {},
                           const std::optional<std::string>& reason = {});
  /// The newest first; `after` is the last id of the page before. active: nothing for both kinds.
  [[nodiscard]] std::vector<session> list(const session_filter& filter,
                                          std::optional<bool> active = true,
                                          const std::optional<std::string>& after = {},
                                          int max_rows = 100);
  /// How many are active.
  [[nodiscard]] std::int64_t active_count(const session_filter& filter = {});
  /// Ends sessions that were not used for so long; how many.
  std::int64_t cleanup_inactive(std::optional<seconds> idle = {}, int batch = 1000);
  /// Sessions that ended, the last one first.
  [[nodiscard]] std::vector<ended_session> history(const std::optional<std::string>& user_id = {},
                                                   std::optional<time_point> since = {},
                                                   std::optional<time_point> until = {},
                                                   int max_rows = 100);
  /// Counts for each bucket of time.
  [[nodiscard]] std::vector<session_bucket> analytics(std::optional<time_point> since = {},
                                                      std::optional<time_point> until = {},
                                                      seconds bucket = seconds{3600});

 private:
  executor* where_;
};

}  // namespace stash

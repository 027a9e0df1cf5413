// What the calls of the sessions take and return.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stash/parameters.hpp"
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

}  // namespace stash

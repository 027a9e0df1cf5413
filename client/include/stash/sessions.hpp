// Typed calls of the session_* functions.
#pragma once

#include "stash/executor.hpp"
#include "stash/session_calls.hpp"

namespace stash {

/// Cheap to copy; refers to what it runs on. A session that is unknown, expired or ended is
/// nothing, or false. `of<R>` as in basic_cache.
template <typename Run>
class basic_sessions {
 public:
  /// What a call that gives an R returns here.
  template <typename R>
  using of = typename Run::template returns<R>;

  /// Calls on a client, in a transaction, in a pipeline.
  explicit basic_sessions(Run run) : run_(std::move(run)) {}

  /// Makes a session.
  of<created_session> create(const session_options& options) {
    return run_(calls::session_create(options));
  }
  /// By its id; `touch` counts as use of it.
  [[nodiscard]] of<std::optional<session>> get(std::string_view id, bool touch = false) {
    return run_(calls::session_get(id, touch));
  }
  /// By its token.
  [[nodiscard]] of<std::optional<session>> get_by_token(const secret& token, bool touch = true) {
    return run_(calls::session_get_by_token(token, touch));
  }
  /// The new version.
  of<std::optional<std::int64_t>> update(std::string_view id, const json& data,
                                         const update_options& options = {}) {
    return run_(calls::session_update(id, data, options));
  }
  /// Counts as use of the session.
  of<bool> touch(std::string_view id) { return run_(calls::session_touch(id)); }
  /// When it expires now; nothing when it is unknown, or never expires.
  of<std::optional<time_point>> extend(std::string_view id, std::optional<seconds> ttl = {}) {
    return run_(calls::session_extend(id, ttl));
  }
  /// A new token; the old one still works for `grace`.
  of<std::optional<secret>> rotate_token(std::string_view id, seconds grace = seconds{0}) {
    return run_(calls::session_rotate_token(id, grace));
  }
  /// Ends a session.
  of<bool> erase(std::string_view id, const std::optional<std::string>& reason = {}) {
    return run_(calls::session_delete(id, reason));
  }
  /// Ends the other sessions of the same user; how many.
  of<std::int64_t> revoke_others(std::string_view id,
                                 const std::optional<std::string>& reason = {}) {
    return run_(calls::session_revoke_others(id, reason));
  }
  /// Ends the sessions that meet every condition given.
  of<std::int64_t> bulk_delete(const std::optional<std::vector<std::string>>& ids,
                               const session_filter& filter = {},
                               const std::optional<std::string>& reason = {}) {
    return run_(calls::session_bulk_delete(ids, filter, reason));
  }
  /// The newest first; `after` is the last id of the page before. active: nothing for both kinds.
  [[nodiscard]] of<std::vector<session>> list(const session_filter& filter,
                                              std::optional<bool> active = true,
                                              const std::optional<std::string>& after = {},
                                              int max_rows = 100) {
    return run_(calls::session_list(filter, active, after, max_rows));
  }
  /// How many are active.
  [[nodiscard]] of<std::int64_t> active_count(const session_filter& filter = {}) {
    return run_(calls::session_get_active_count(filter));
  }
  /// Ends sessions that were not used for so long; how many.
  of<std::int64_t> cleanup_inactive(std::optional<seconds> idle = {}, int batch = 1000) {
    return run_(calls::session_cleanup_inactive(idle, batch));
  }
  /// Sessions that ended, the last one first.
  [[nodiscard]] of<std::vector<ended_session>> history(
      const std::optional<std::string>& user_id = {}, std::optional<time_point> since = {},
      std::optional<time_point> until = {}, int max_rows = 100) {
    return run_(calls::session_history(user_id, since, until, max_rows));
  }
  /// Counts for each bucket of time.
  [[nodiscard]] of<std::vector<session_bucket>> analytics(std::optional<time_point> since = {},
                                                          std::optional<time_point> until = {},
                                                          seconds bucket = seconds{3600}) {
    return run_(calls::session_analytics(since, until, bucket));
  }

 private:
  Run run_;
};

/// The calls of the sessions, each at once.
using sessions = basic_sessions<run_now>;

}  // namespace stash

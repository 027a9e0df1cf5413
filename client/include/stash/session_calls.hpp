// The calls of the session_* functions as values: see stash/call.hpp. Named as the functions are;
// the methods of basic_sessions say what they do.
#pragma once

#include "stash/call.hpp"
#include "stash/session_types.hpp"

namespace stash::calls {

STASH_API call<created_session> session_create(const session_options& options);
STASH_API call<std::optional<session>> session_get(std::string_view id, bool touch);
STASH_API call<std::optional<session>> session_get_by_token(const secret& token, bool touch);
STASH_API call<std::optional<std::int64_t>> session_update(std::string_view id, const json& data,
                                                           const update_options& options);
STASH_API call<bool> session_touch(std::string_view id);
STASH_API call<std::optional<time_point>> session_extend(std::string_view id,
                                                         std::optional<seconds> ttl);
STASH_API call<std::optional<secret>> session_rotate_token(std::string_view id, seconds grace);
STASH_API call<bool> session_delete(std::string_view id, const std::optional<std::string>& reason);
STASH_API call<std::int64_t> session_revoke_others(std::string_view id,
                                                   const std::optional<std::string>& reason);
STASH_API call<std::int64_t> session_bulk_delete(const std::optional<std::vector<std::string>>& ids,
                                                 const session_filter& filter,
                                                 const std::optional<std::string>& reason);
STASH_API call<std::vector<session>> session_list(const session_filter& filter,
                                                  std::optional<bool> active,
                                                  const std::optional<std::string>& after,
                                                  int max_rows);
STASH_API call<std::int64_t> session_get_active_count(const session_filter& filter);
STASH_API call<std::int64_t> session_cleanup_inactive(std::optional<seconds> idle, int batch);
STASH_API call<std::vector<ended_session>> session_history(
    const std::optional<std::string>& user_id, std::optional<time_point> since,
    std::optional<time_point> until, int max_rows);
STASH_API call<std::vector<session_bucket>> session_analytics(std::optional<time_point> since,
                                                              std::optional<time_point> until,
                                                              seconds bucket);

}  // namespace stash::calls

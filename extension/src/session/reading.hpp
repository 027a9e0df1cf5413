// A session as session_get and session_get_by_token find it.
//
// The hot copy answers when there is one. Its last touch may lag behind the tables' when memory
// gave the session's slot away; then, and only when it matters, the tables are asked.
#pragma once

#include <optional>

#include "session/hot.hpp"

#include "boundary/postgres.hpp"

namespace stash {

struct living_session {
  std::optional<session_record> record;  // nothing: unknown, expired or ended
  timestamp seen_at = 0;                 // its last touch
  timestamp judged_at = 0;               // when it lived
};

// exact: the caller shows the last touch. The record borrows from memory that lives as long as the
// caller's memory context.
living_session find_living(const session_lookup& what, bool exact);

// The same for a caller who shows the session, and uses it when `touch` is true.
living_session find_and_touch(const session_lookup& what, bool touch);

// The lookup of a function's first argument; nothing when it cannot be a session's.
enum class session_function : std::uint8_t { get, get_by_token };
std::optional<session_lookup> lookup_of(session_function function, Datum argument);

}  // namespace stash

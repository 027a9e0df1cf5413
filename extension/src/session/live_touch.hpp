// The array of touches of this server, and what the present transaction does with it.
#pragma once

#include "session/record.hpp"

namespace stash {

void register_touch_array();
// nullptr without preloading and on a standby, where nobody could write touches down.
touch_array* live_touches();

// The freshest touch that memory or the record knows of.
timestamp freshest_touch(const session_facts& facts);
// Whether the record's own moment, with what memory has, is the true one.
bool touch_is_exact(const session_facts& facts);

// The session counts as used now. Writes the table too when memory is full, nobody flushes, or the
// idle limit is so short that a crash would end the session. Nothing in recovery.
void touch_session(const session_facts& facts, timestamp now);

}  // namespace stash

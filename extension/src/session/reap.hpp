// Ending sessions that are beyond their limits, in batches, inside as_owner and a transaction.
// Rows that another transaction has locked are left for the next time.
#pragma once

#include "session/ending.hpp"

namespace stash {

// by: a role's name, or nullptr for the worker. Each returns how many sessions it ended.
std::uint64_t reap_expired(std::int64_t batch, const char* by);
// Sessions that were not used for their own idle limit; a touch that memory knows keeps one alive.
std::uint64_t reap_idle(std::int64_t batch, const char* by);
// Sessions that were not used for `idle` microseconds, whatever their own limits. O(sessions).
std::uint64_t reap_unused(timestamp idle, std::int64_t batch, const char* by);

// One look for touches of sessions that are gone, which nothing else would meet; it drops those
// that were there at the look before. O(touches).
void drop_orphaned_touches();

}  // namespace stash

// The heavy-weight locks of snapshots, of classes that SQL cannot reach. They are held until the
// transaction ends, also by a prepared one.
//
// pool  SHARE: I add versions or parts, or refer to parts. EXCLUSIVE: I delete parts (the
// collector,
//       only when it is free), or look for a moment when nobody is adding.
// line  EXCLUSIVE: I add a version to this line. Taken after the pool's.
//
// Whoever holds the pool's lock looks parts up with a snapshot taken afterwards, so that it sees
// what the collector has deleted.
#pragma once

#include <cstdint>

namespace stash::memory {

void share_pool(std::int64_t pool);
// False when somebody holds it.
bool try_own_pool(std::int64_t pool);
// Waits for it 20 ms, for which those who come later wait behind us. In a transaction.
bool own_pool_soon(std::int64_t pool);
// Gives it back before the end, for an owner who has written nothing that others must not see yet.
void release_pool(std::int64_t pool);
void own_line(std::int64_t line);

}  // namespace stash::memory

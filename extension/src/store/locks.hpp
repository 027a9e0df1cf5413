// The locks of the store, as the core sees them: PostgreSQL's LWLocks in a server, anything that
// can be shared and exclusive in a unit test.
//
// Order: one partition lock at most, then one tag lock at most. Nothing under a lock allocates
// process memory, throws, reports or waits.
#pragma once

#include "store/types.hpp"

namespace stash {

enum class lock_mode : std::uint8_t { shared, exclusive };

struct lock_functions {
  void (*acquire)(void* lock, lock_mode mode);
  void (*release)(void* lock);
};

class held_lock {
 public:
  held_lock(const lock_functions& functions, void* lock, lock_mode mode)
      : functions_(functions), lock_(lock) {
    functions_.acquire(lock_, mode);
  }
  ~held_lock() { functions_.release(lock_); }
  held_lock(const held_lock&) = delete;
  held_lock& operator=(const held_lock&) = delete;

 private:
  const lock_functions& functions_;
  void* lock_;
};

}  // namespace stash

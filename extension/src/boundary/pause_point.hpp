// Places where a test can hold a transaction still, to keep a race window open.
//
// With stash.pause_at = 'name' a backend that reaches the point takes and releases a SHARE advisory
// lock (22437, number); a test that holds that lock exclusively keeps the backend there, and
// isolationtester sees it as blocked. With the setting empty, a point is one load and one branch.
#pragma once

#include "boundary/settings.hpp"

namespace stash {

enum class pause_point {
  in_flux = 1,          // a writer has put its slots in flux and has not committed yet
  before_stamp = 2,     // a commit is visible to others, its slots are not stamped yet
  before_check = 3,     // PRE_COMMIT, before anything is put in flux
  fill_before_put = 4,  // a set has been accepted at the call; the commit has not stored it yet
  claimed = 5,          // a conditional set holds its claim before commit
  prepared = 6,         // PREPARE TRANSACTION has left its slots in flux
  fetch_computing = 7,  // cache_fetch holds the lease and computes
  before_resolve = 8,   // a prepared transaction is over; its slots are not stamped yet
  session_read = 9,     // a session was read from the table and is not kept in memory yet
  touch_flushed = 10,   // touches are written down and not settled in memory yet
  part_stored = 11,     // a new part of a snapshot is in its table, its version is not yet
  before_sweep = 12,    // the collector knows dead parts and is about to own their pool
  fork_read = 13,       // a snapshot that is forked was read, its fork is not there yet
  objects_listed =
      14,            // vector_reconcile has listed a page of objects and not looked at them again
  session_row = 15,  // a session's row was read, memory was not asked for its touch yet
};

void pause_slow(pause_point point);

inline void pause_here(pause_point point) {
  if (settings::pause_at != nullptr && settings::pause_at[0] != '\0') [[unlikely]]
    pause_slow(point);
}

}  // namespace stash

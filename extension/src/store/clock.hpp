// The shared clock: stamps that never go backwards, and the knowledge that the wall clock did.
//
// Wall clock and monotonic clock differ by a constant until somebody sets the wall clock. The
// largest difference ever seen says how far the wall clock once was; while it is behind that,
// moments taken from it cannot be compared with stamps, so nothing is accepted. Lock-free.
#pragma once

#include <algorithm>

#include "store/types.hpp"

namespace stash {

struct shared_clock {
  std::atomic<timestamp> last_stamp;
  std::atomic<timestamp> largest_offset;  // wall − monotonic
  std::atomic<timestamp> behind_until;    // a wall-clock time

  // The two clocks are not read at one instant; a smaller difference than this is no step.
  static constexpr timestamp tolerance = 200;

  void start(timestamp wall, timestamp monotonic) {
    last_stamp.store(wall);
    largest_offset.store(wall - monotonic);
    behind_until.store(0);
  }

  // A stamp later than every stamp before it, and not earlier than the wall clock.
  timestamp next_stamp(timestamp wall, timestamp monotonic) {
    observe(wall, monotonic);
    timestamp last = last_stamp.load();
    timestamp next = 0;
    do {
      // Not earlier than what the wall clock could have shown already: a step back that is too
      // small to be noticed must not let a stamp be earlier than a moment taken before.
      next = std::max({wall, monotonic + largest_offset.load(), last + 1, behind_until.load()});
    } while (!last_stamp.compare_exchange_weak(last, next));
    return next;
  }

  // True if observe would learn nothing and trust the clock. The wall clock must have been read
  // first: a process that lost the processor in between sees a step back that never was, and has to
  // look again, but never misses one.
  [[nodiscard]] bool steady(timestamp wall, timestamp monotonic) const {
    const timestamp offset = wall - monotonic;
    const timestamp largest = largest_offset.load();
    return offset <= largest && offset >= largest - tolerance && wall > behind_until.load();
  }

  // True while moments taken from the wall clock can be trusted.
  bool observe(timestamp wall, timestamp monotonic) {
    const timestamp offset = wall - monotonic;
    timestamp largest = largest_offset.load();
    if (offset > largest) {
      while (offset > largest && !largest_offset.compare_exchange_weak(largest, offset)) {
      }
    } else if (offset < largest - tolerance) {
      must_pass(monotonic + largest);
      largest_offset.compare_exchange_strong(largest, offset);
    }
    return wall > behind_until.load();
  }

  // Somebody has seen a wall-clock time in what is now the future.
  void must_pass(timestamp wall) {
    timestamp until = behind_until.load();
    while (until < wall && !behind_until.compare_exchange_weak(until, wall)) {
    }
  }
};

}  // namespace stash

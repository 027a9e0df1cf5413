// This process's handle on the shared store, and the clocks it is used with.
#pragma once

#include "store/store.hpp"

namespace stash {

void register_shared_store();

bool store_attached();
// Raises 55000, naming the setting to change, when the library was not preloaded.
store& shared_store();

struct clocks {
  timestamp wall;
  timestamp monotonic;
};
// Both clocks at one instant, as nearly as two calls can.
clocks read_clocks();
// The wall-clock time, if moments taken from that clock can be trusted (see store/clock.hpp): the
// moment `seen`, too. 0: they cannot.
timestamp trusted_now(timestamp seen);

// The next callers of the same key hash wait here while one of them computes its value.
void announce_key(std::uint64_t key_hash);
// Waits until the key is announced or some milliseconds pass; handles interrupts.
void wait_for_key(std::uint64_t key_hash, long milliseconds);
void stop_waiting_for_key();

}  // namespace stash

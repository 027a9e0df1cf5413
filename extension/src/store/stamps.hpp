// Stamps: when a slot of keys or tags was last changed, and who is about to change it.
//
// A stamp is shared by all keys (or tags) whose hash falls on it: that costs an extra refusal,
// never a wrong answer. All members are atomics, no lock is needed; nothing here is allocated, so
// what happens at commit cannot fail. Invariant: changed_at and data_changed_at never go backwards.
//
// The order that makes it safe: a writer raises in_flux before its commit can be seen, and lowers
// it only after changed_at is set and the old entries are gone.
#pragma once

#include "store/types.hpp"

namespace stash {

struct stamp {
  std::atomic<std::uint32_t> in_flux;
  // Who may carry out a conditional set on this slot right now: a process number + 1, or 0.
  std::atomic<std::uint32_t> claim;
  std::atomic<timestamp> changed_at;
  std::atomic<timestamp> data_changed_at;

  void begin_flux() { in_flux.fetch_add(1); }
  void end_flux() { in_flux.fetch_sub(1); }

  void changed(timestamp at, bool data) {
    raise(changed_at, at);
    if (data) raise(data_changed_at, at);
  }

  bool try_claim(std::uint32_t who) {
    std::uint32_t expected = 0;
    return claim.compare_exchange_strong(expected, who) || expected == who;
  }
  void release_claim(std::uint32_t who) { claim.compare_exchange_strong(who, 0); }

 private:
  static void raise(std::atomic<timestamp>& value, timestamp at) {
    timestamp seen = value.load();
    while (seen < at && !value.compare_exchange_weak(seen, at)) {
    }
  }
};

static_assert(sizeof(stamp) == 24);

}  // namespace stash

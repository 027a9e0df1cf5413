// Touches: when sessions were last used, in shared memory, without a row and without WAL.
//
// A fixed array apart from the evictable hot copies: sets of eight slots, a session's set chosen by
// its id's hash. A slot is dirty while the tables do not know its moment yet; a dirty slot is never
// given to another session. When all eight are dirty the touch is refused, and the caller writes
// the table itself; the set keeps the moment of the last refusal, and sessions without a slot in it
// count as used then: nobody is logged out for want of a slot.
//
// A clean slot may make room for another session; from then on nobody can tell from memory when its
// session was used, so the moment of the latest such loss is kept: a copy of a session that was
// read from the tables after it, with what memory knew, has its true moment; an older one may not.
//
// Locks: a set belongs to one of `touch_lock_count` locks. The header's members are atomics.
// Invariant: a slot's moment never goes backwards while the slot belongs to a session.
#pragma once

#include <array>
#include <cstring>
#include <span>

#include "store/locks.hpp"
#include "store/types.hpp"

namespace stash {

struct session_id {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const session_id&) const = default;
};

inline constexpr int touch_lock_count = 64;

// The moment may be raised under a shared lock; everything else changes under an exclusive one.
struct touch_slot {
  session_id id;
  std::uint32_t database;
  std::uint32_t state;
  std::atomic<timestamp> touched_at;
  timestamp dirty_since;
};
static_assert(sizeof(touch_slot) == 40);

struct touch_set {
  static constexpr std::size_t ways = 8;
  touch_slot slots[ways];
  std::atomic<timestamp> refused_at;
};

// What a database's worker tells its backends: when it has last written touches down, and which
// generation of the table new sessions go to.
struct worker_mark {
  std::atomic<std::uint32_t> database;
  std::atomic<std::uint32_t> generation;
  std::atomic<timestamp> flushed_at;
};

struct touch_header {
  static constexpr int max_marks = 128;
  std::atomic<timestamp> lost_at;
  worker_mark marks[max_marks];
};

struct flushed_touch {
  session_id id;
  timestamp touched_at = 0;
};

class touch_array {
 public:
  static constexpr std::size_t ways = touch_set::ways;

  // The bytes for at least `slots` slots, and how many that gives.
  static std::size_t bytes_for(std::size_t slots);

  // clock: what time it is, for when slots are given away.
  touch_array(void* memory, std::size_t slots, const lock_functions& functions,
              std::span<void* const> locks, timestamp (*clock)());
  // Makes a new array out of zeroed memory.
  void initialize(timestamp now) { header_->lost_at.store(now); }

  enum class outcome : std::uint8_t {
    recorded,
    overdue,  // recorded, but the tables have not been told for longer than `patience`
    full,     // no slot for it: recorded for all sessions of the set that have none
  };
  // Never moves a session's moment backwards. overdue is said once in `patience`; with none, each
  // time.
  outcome touch(std::uint32_t database, const session_id& id, timestamp now, timestamp patience);
  // The moment of the last touch that memory knows of, never one too early; 0: none.
  [[nodiscard]] timestamp touched_at(std::uint32_t database, const session_id& id) const;
  // Whether a copy read at that moment may lack a touch that memory has given up since.
  [[nodiscard]] bool may_lack(timestamp read_at) const {
    return header_->lost_at.load() >= read_at;
  }

  // Dirty slots of a database, from set `*set` on; advances it, to 0 behind the last one.
  std::size_t collect(std::uint32_t database, std::size_t* set,
                      std::span<flushed_touch> into) const;
  [[nodiscard]] std::size_t dirty(std::uint32_t database) const;
  // The tables know this moment now: the slot is clean unless it was touched again.
  void settle(std::uint32_t database, const flushed_touch& flushed);
  // The session, or the database, is gone.
  void forget(std::uint32_t database, const session_id& id);
  void forget_database(std::uint32_t database);

  // --- what the worker tells
  void mark_flushed(std::uint32_t database, timestamp at);
  [[nodiscard]] timestamp flushed_at(std::uint32_t database) const;
  void set_generation(std::uint32_t database, std::uint32_t generation);
  [[nodiscard]] std::uint32_t generation(std::uint32_t database) const;

 private:
  worker_mark* mark_of(std::uint32_t database, bool make) const;
  [[nodiscard]] std::size_t set_of(std::uint32_t database, const session_id& id) const;
  [[nodiscard]] touch_slot* slots_of(std::size_t set) const { return all_[set].slots; }
  [[nodiscard]] held_lock lock_set(std::size_t set, lock_mode mode) const {
    return {functions_, locks_[set % touch_lock_count], mode};
  }
  [[nodiscard]] touch_slot* find(std::size_t set, std::uint32_t database,
                                 const session_id& id) const;
  [[nodiscard]] touch_slot* make_room(std::size_t set);
  outcome touch_exclusively(std::size_t set, std::uint32_t database, const session_id& id,
                            timestamp now, timestamp patience);

  touch_header* header_;
  touch_set* all_;
  std::size_t sets_;
  lock_functions functions_;
  timestamp (*clock_)();
  std::array<void*, touch_lock_count> locks_{};
};

}  // namespace stash

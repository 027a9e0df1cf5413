// A database in a few lines, for tests of staleness: rows with versions, snapshots, row locks, and
// a moment at which a commit becomes visible. It knows what was acknowledged, so it can tell what
// no reader may be given any more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "test_store.hpp"

namespace stash_test {

class model_database {
 public:
  static constexpr int rows = 8;
  using snapshot = std::array<std::int64_t, rows>;

  // Several calls may get one moment, as with a real clock, but none an earlier one.
  timestamp now() { return morning + ticks_.fetch_add(1) / 3; }

  // What a new snapshot sees.
  snapshot take_snapshot() {
    const std::shared_lock guard(visibility_);
    return visible_;
  }
  std::int64_t row(int i) { return take_snapshot()[static_cast<std::size_t>(i)]; }

  std::mutex& row_lock(int i) { return locks_[static_cast<std::size_t>(i)]; }
  void make_visible(int i, std::int64_t version) {
    const std::unique_lock guard(visibility_);
    visible_[static_cast<std::size_t>(i)] = version;
  }

  // Whoever begins after an acknowledgement must not be given anything older. The row's lock is
  // held.
  void acknowledge(int i, std::int64_t version) {
    acknowledged_[static_cast<std::size_t>(i)].store(version);
  }
  std::int64_t acknowledged(int i) { return acknowledged_[static_cast<std::size_t>(i)].load(); }

 private:
  std::atomic<timestamp> ticks_ = 0;
  std::shared_mutex visibility_;
  snapshot visible_{};
  std::array<std::mutex, rows> locks_;
  std::array<std::atomic<std::int64_t>, rows> acknowledged_{};
};

}  // namespace stash_test

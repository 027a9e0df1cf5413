// Looks after the servers behind pools, from a thread of its own.
//
//   stash::health_monitor monitor({{"primary", client.connections()}},
//                                 {.on_change = [](const stash::health_report& now) {
//                                   log(now.name, now.up ? "up" : now.why->message());
//                                 }});
//
// It asks on a connection of its own for each pool: a pool that is used up does not look like a
// server that is down. What the pool itself is like stands in the report beside it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "stash/pool.hpp"
#include "stash/result.hpp"

namespace stash {

/// A pool to look after; it must outlive the monitor.
struct monitored_pool {
  /// As it is called in reports.
  std::string name;
  /// Where its connections lead.
  pool& connections;
};

/// What the latest check found.
struct health_report {
  /// As given.
  std::string name;
  /// The server answered in time.
  bool up = false;
  /// It takes no changes: it is a standby.
  bool standby = false;
  /// Why it did not answer; nothing when it did.
  std::optional<failure> why = {};
  /// How long the check took, connecting included where that was necessary.
  std::chrono::nanoseconds took{0};
  /// When it was checked, and when it became what it is: up, down, standby or not.
  time_point checked = {};
  time_point since = {};
  /// Checks so far, and those of them that failed.
  std::uint64_t checks = 0;
  std::uint64_t failures = 0;
  /// The pool's figures at that moment.
  pool_statistics pool = {};
};

/// Habits of a monitor. The functions are called in its thread, one at a time; they must not throw
/// and not destroy the monitor.
struct health_options {
  /// The pause between rounds.
  std::chrono::milliseconds every{5'000};
  /// A server that has not answered by then is down. Where a new connection is needed, connecting
  /// may take as long once more.
  std::chrono::milliseconds timeout{2'000};
  /// A server came up, went down, or changed between primary and standby; the first check of each
  /// counts as a change.
  std::function<void(const health_report&)> on_change = {};
  /// After each round, with one report for each pool, in their order.
  std::function<void(const std::vector<health_report>&)> on_report = {};
};

/// Thread-safe. All servers are asked at once, so that one that hangs delays a round by its
/// time-out only. A round costs one statement and at most one connection for each pool.
class STASH_API health_monitor {
 public:
  /// The first round begins at once. Errors: usage_error; std::system_error when there is no thread
  /// to be had.
  health_monitor(std::vector<monitored_pool> pools, health_options options = {});
  /// Stops, also in the middle of a check; waits for a function that is being called.
  ~health_monitor();
  health_monitor(const health_monitor&) = delete;
  health_monitor& operator=(const health_monitor&) = delete;

  /// Of the latest round; empty before the end of the first one.
  [[nodiscard]] std::vector<health_report> reports() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace stash

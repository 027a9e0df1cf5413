// When a task runs next, and how long something that failed rests: pure arithmetic, no server.
//
// All times are microseconds on one clock. `due` is when the task ought to run; a failure does not
// move it, so that the lag which monitoring sees keeps growing. `not_before` holds a failed task
// back.
#pragma once

#include <cstdint>

namespace stash::worker {

constexpr std::int64_t never = INT64_MAX;
constexpr std::int64_t second_us = 1'000'000;

// first, 2 × first, 4 × first, … after 1, 2, 3, … failures in a row, at most `limit`.
constexpr std::int64_t backoff_us(int failures_in_row, std::int64_t first, std::int64_t limit) {
  std::int64_t rest = first;
  for (int i = 1; i < failures_in_row && rest < limit; i++) rest *= 2;
  return failures_in_row <= 0 ? 0 : (rest < limit ? rest : limit);
}

struct task_schedule {
  std::int64_t due = 0;
  std::int64_t not_before = 0;
  int failures_in_row = 0;

  constexpr std::int64_t next_run() const { return due > not_before ? due : not_before; }

  // An interval below 0 says that the task runs once.
  constexpr void succeeded(std::int64_t now, int interval_ms, bool more_waits) {
    failures_in_row = 0;
    not_before = 0;
    if (more_waits)
      due = now;
    else
      due = interval_ms < 0 ? never : now + std::int64_t{interval_ms} * 1000;
  }

  constexpr void failed(std::int64_t now, int interval_ms) {
    const std::int64_t interval = std::int64_t{interval_ms} * 1000;
    failures_in_row++;
    not_before = now + backoff_us(failures_in_row, interval > second_us ? interval : second_us,
                                  interval > longest_rest_us ? interval : longest_rest_us);
  }

  static constexpr std::int64_t longest_rest_us = 300 * second_us;
};

// Says whether an error is worth a log line: the first of its kind, then one in five minutes.
struct error_gate {
  std::uint64_t last_hash = 0;
  std::int64_t last_logged = 0;
  std::uint64_t suppressed = 0;

  static constexpr std::int64_t quiet_us = 300 * second_us;

  constexpr bool admits(std::uint64_t hash, std::int64_t now) {
    if (last_logged != 0 && hash == last_hash && now - last_logged < quiet_us) {
      suppressed++;
      return false;
    }
    last_hash = hash;
    last_logged = now;
    return true;
  }
};

}  // namespace stash::worker

// Figures of a pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "stash/export.hpp"

namespace stash {

/// Counts since the pool was made; sizes as they are now.
struct pool_statistics {
  /// The limits, as they are now.
  std::size_t min_size = 0;
  std::size_t max_size = 0;
  /// Connections, with those that are being made.
  std::size_t open = 0;
  std::size_t idle = 0;
  std::size_t on_loan = 0;
  std::size_t connecting = 0;
  std::size_t waiting = 0;
  std::size_t most_on_loan = 0;
  std::size_t most_waiting = 0;
  /// Loans.
  std::uint64_t acquired = 0;
  /// Of those, how many had to wait in line.
  std::uint64_t waited = 0;
  /// Callers that gave up waiting.
  std::uint64_t timeouts = 0;
  /// Connections made, attempts that failed, and connections closed, by reason.
  std::uint64_t created = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t closed_idle = 0;
  std::uint64_t closed_old = 0;
  std::uint64_t closed_broken = 0;
  std::uint64_t leaks_reported = 0;
  /// Of the waits in line only, from a histogram with steps of a quarter.
  std::chrono::nanoseconds wait_median{0};
  std::chrono::nanoseconds wait_p95{0};
  std::chrono::nanoseconds wait_p99{0};
  std::chrono::nanoseconds wait_longest{0};
};

/// Somebody who has a connection on loan.
struct pool_holder {
  /// The connection, by its process on the server.
  int server_process = 0;
  /// Where acquire() was called, by which thread, and how long ago.
  std::source_location where;
  std::thread::id thread;
  std::chrono::nanoseconds held_for{0};
};

/// What the figures suggest to change, in sentences; empty when nothing.
STASH_API std::vector<std::string> recommendations(const pool_statistics& figures);

/// The figures in Prometheus' text exposition format, with `name` as the label pool.
STASH_API std::string to_prometheus(const pool_statistics& figures, const std::string& name);

}  // namespace stash

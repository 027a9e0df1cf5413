// Counts, errors and times of calls, by the name of the call.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stash/failure.hpp"

namespace stash {

/// One call that ended.
struct call_metrics {
  /// The statement; valid during the call of the hook. "BEGIN" for a whole transact().
  std::string_view sql;
  /// With waiting for a connection and attempts that failed.
  std::chrono::nanoseconds took{0};
  /// It ended with an error.
  bool failed = false;
  /// Which one; null when it did not fail, or with an exception of the application's own.
  const failure* why = nullptr;
  /// How often it was tried.
  int attempts = 1;
};

/// What is known of all calls of one name.
struct call_figures {
  /// As the function on the server without its schema; "transact"; "sql" for all others.
  std::string name;
  std::uint64_t calls = 0;
  /// Attempts beyond the first.
  std::uint64_t retries = 0;
  /// By class: the first two characters of the SQLSTATE, or connection, timeout, cancelled, usage,
  /// value, other.
  std::map<std::string, std::uint64_t> errors = {};
  std::chrono::nanoseconds total{0};
  /// How many took at most call_statistics::bounds()[i]; the last one counts those beyond them all.
  std::vector<std::uint64_t> at_most = {};
};

/// Thread-safe. Memory is bounded: calls beyond 256 names are counted as "other".
class STASH_API call_statistics {
 public:
  call_statistics();
  ~call_statistics();
  call_statistics(const call_statistics&) = delete;
  call_statistics& operator=(const call_statistics&) = delete;

  /// Counts one call. Costs about as much as reading the clock.
  void record(const call_metrics& one);
  /// The figures of this moment, by name.
  [[nodiscard]] std::vector<call_figures> figures() const;
  /// The upper bounds of the histogram's steps, in seconds: 0.1 ms to 10 s.
  static const std::array<double, 16>& bounds();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// The figures in Prometheus' text exposition format, with `client` as a label: a histogram of
/// times, errors and retries by call.
STASH_API std::string to_prometheus(const call_statistics& calls, const std::string& client);

}  // namespace stash

// What both pools, that for threads and that for coroutines, do in the same way.
#pragma once

#include <chrono>
#include <random>
#include <source_location>
#include <string>

#include "stash/error.hpp"
#include "stash/pool_options.hpp"
#include "stash/pool_statistics.hpp"
#include "wait_histogram.hpp"

namespace stash::detail {

using steady = std::chrono::steady_clock;

inline void check_sizes(std::size_t min_size, std::size_t max_size) {
  if (max_size == 0) throw usage_error("max_size must be at least 1");
  if (min_size > max_size) throw usage_error("min_size must not be greater than max_size");
}

// A tenth more or less, so that connections made together do not end together.
inline steady::time_point expiry(std::chrono::milliseconds max_lifetime, steady::time_point now) {
  if (max_lifetime.count() == 0) return steady::time_point::max();
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> factor(0.9, 1.1);
  return now + std::chrono::duration_cast<steady::duration>(max_lifetime * factor(random));
}

inline timeout_error none_became_free(const pool_statistics& figures, std::size_t max_size) {
  return timeout_error("no connection of the pool became free in time (" +
                       std::to_string(figures.on_loan) + " of " + std::to_string(max_size) +
                       " are on loan)");
}

inline std::string leak_warning(steady::duration held, const std::source_location& where) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(held);
  return "a connection of the pool has been on loan for " + std::to_string(seconds.count()) +
         " s, acquired at " + where.file_name() + ":" + std::to_string(where.line());
}

// The figures of this moment, from what a pool's state counts and what it has.
template <typename State>
pool_statistics figures_of(const State& state) {
  pool_statistics figures = state.figures;
  figures.min_size = state.options.min_size;
  figures.max_size = state.options.max_size;
  figures.open = state.open;
  figures.idle = state.idle.size();
  figures.waiting = state.waiters.size();
  figures.wait_median = state.waits.quantile(0.5);
  figures.wait_p95 = state.waits.quantile(0.95);
  figures.wait_p99 = state.waits.quantile(0.99);
  figures.wait_longest = state.waits.longest();
  return figures;
}

}  // namespace stash::detail

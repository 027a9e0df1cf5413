// The load loop: drives connections from one or more threads, each with its own epoll set, one
// request under way on every connection, until the time is over or the keys are exhausted.
#pragma once

#include <memory>
#include <vector>

#include "connection.hpp"

namespace stash::bench {

using connection_list = std::vector<std::unique_ptr<connection>>;

struct load_result {
  tally counts;
  double seconds = 0;
  double cpu_seconds = 0;  // that the driver itself spent, user and kernel

  double rate() const { return static_cast<double>(counts.operations) / seconds; }
};

inline constexpr double no_time_limit = 1e9;

// The first exception of any thread is thrown again here, after all threads have ended.
load_result run_load(const connection_list& connections, key_space& keys, double seconds,
                     int threads);

// How many threads drive `clients` connections when nothing else is asked for.
int default_threads(int clients);

}  // namespace stash::bench

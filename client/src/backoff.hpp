// How long to wait before trying again.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace stash::detail {

// Doubles with each attempt, counted from 1, at most 1,024-fold; between half of that and all of
// it, so that those who failed together do not come back together.
inline std::chrono::nanoseconds backoff(int attempt, std::chrono::milliseconds first) {
  thread_local std::minstd_rand random{std::random_device{}()};
  constexpr int most_doublings = 10;
  const std::chrono::nanoseconds longest = first * (1 << std::min(attempt - 1, most_doublings));
  std::uniform_real_distribution<double> part(0.5, 1.0);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(longest * part(random));
}

// From this attempt to reach a server on, the pauses grow no more: 5 ms * 2^5.
inline constexpr int longest_reconnect_pause = 6;

}  // namespace stash::detail

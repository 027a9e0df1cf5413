// How long waits took: counts in steps of a quarter of a power of two, so a quantile is known to
// within a fifth. Not thread-safe.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace stash {

class wait_histogram {
 public:
  void add(std::chrono::nanoseconds wait) {
    const auto nanoseconds = static_cast<std::uint64_t>(wait.count() > 0 ? wait.count() : 0);
    counts_[step_of(nanoseconds)]++;
    total_++;
    if (wait > longest_) longest_ = wait;
  }

  // The wait that a part of all waits did not exceed.
  [[nodiscard]] std::chrono::nanoseconds quantile(double part) const {
    const auto rank = static_cast<std::uint64_t>(part * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t step = 0; step < counts_.size(); step++) {
      seen += counts_[step];
      if (seen > rank) return std::chrono::nanoseconds(middle_of(step));
    }
    return longest_;
  }

  [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_; }

 private:
  // Two bits below the highest one choose the quarter.
  static std::size_t step_of(std::uint64_t value) {
    if (value < 4) return value;
    const auto power = static_cast<unsigned>(std::bit_width(value)) - 1;
    return 4 * power - 4 + (value >> (power - 2) & 3);
  }
  static std::int64_t middle_of(std::size_t step) {
    if (step < 4) return static_cast<std::int64_t>(step);
    const std::size_t power = step / 4 + 1;
    const std::uint64_t low = (4 + step % 4) << (power - 2);
    return static_cast<std::int64_t>(low + (std::uint64_t{1} << (power - 2)) / 2);
  }

  std::array<std::uint64_t, 256> counts_{};
  std::uint64_t total_ = 0;
  std::chrono::nanoseconds longest_{0};
};

}  // namespace stash

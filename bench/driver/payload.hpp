// Keys and values of the benchmarks.
//
// A key is 16 digits: first_key + i. A value is a JSON string of value_size bytes, quotes included,
// of random base64 characters, so that nothing (jsonb, TOAST, the kernel) can compress it.
// Values are made once and then picked at random: making them must not cost the driver anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace stash::bench {

inline constexpr int key_size = 16;
inline constexpr int value_size = 250;
inline constexpr std::uint64_t first_key = 1'000'000'000'000'000;
// The key count of the tables that do not vary it.
inline constexpr std::uint64_t usual_keys = 100'000;

// SplitMix64: a few instructions a number, good enough to spread keys evenly.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // Uniform in [0, bound).
  std::uint64_t below(std::uint64_t bound);

 private:
  std::uint64_t state_;
};

// Where the requests of a run take their keys from: at random among `count`, or each key once.
// Shared by all threads of the run.
class key_space {
 public:
  static key_space random(std::uint64_t count) { return {count, false}; }
  static key_space each_once(std::uint64_t count) { return {count, true}; }

  std::uint64_t pick(random_source& random) {
    return in_order_ ? next_.fetch_add(1, std::memory_order_relaxed) % count_
                     : random.below(count_);
  }
  // A run over each key once ends by itself. A batch that passes the end starts again with the
  // first keys.
  bool exhausted() const { return in_order_ && next_.load(std::memory_order_relaxed) >= count_; }

 private:
  key_space(std::uint64_t count, bool in_order) : count_(count), in_order_(in_order) {}

  std::uint64_t count_;
  bool in_order_;
  std::atomic<std::uint64_t> next_{0};
};

// Writes the 16 digits of key number `index` at `out`, without a terminator.
void write_key(char* out, std::uint64_t index);

// One of the prepared values; value_size bytes, followed by a NUL.
std::string_view pick_value(random_source& random);

}  // namespace stash::bench

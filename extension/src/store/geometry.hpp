// How the segment's bytes are divided, computed from its size alone.
#pragma once

#include "store/types.hpp"

namespace stash {

inline constexpr std::uint32_t tag_lock_count = 64;
inline constexpr std::uint32_t counter_shards = 8;
inline constexpr std::uint32_t leases_per_set = 4;

// Few enough that the largest value takes a quarter of a partition at most, an eighth on the
// average: when one goes to make room for a small one, little of the memory is idle.
std::uint32_t partition_count(std::size_t memory, std::size_t max_value);

struct geometry {
  std::size_t memory = 0;
  std::uint32_t spaces = 0;
  std::uint32_t partitions = 0;
  std::uint32_t key_stamps = 0;  // powers of two, all three
  std::uint32_t tag_stamps = 0;
  std::uint32_t tag_buckets = 0;
  std::uint32_t buckets_per_partition = 0;  // a power of two
  std::uint32_t leases_per_partition = 0;   // a multiple of leases_per_set, a power of two
  std::uint32_t blocks_per_partition = 0;

  // Offsets from the start of the segment.
  std::size_t spaces_at = 0;
  std::size_t counters_at = 0;
  std::size_t key_stamps_at = 0;
  std::size_t tag_stamps_at = 0;
  std::size_t tag_buckets_at = 0;
  std::size_t partitions_at = 0;
  std::size_t queues_at = 0;
  std::size_t buckets_at = 0;
  std::size_t leases_at = 0;
  std::size_t blocks_at = 0;

  static geometry of(std::size_t memory, std::size_t max_value, std::uint32_t spaces);
};

}  // namespace stash

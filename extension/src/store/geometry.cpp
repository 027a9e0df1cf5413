// Divides the segment (see geometry.hpp).
#include "store/geometry.hpp"

#include <algorithm>
#include <bit>

#include "store/layout.hpp"

#include "store/core_wall.hpp"

namespace stash {
namespace {

std::uint32_t power_of_two(std::size_t wanted, std::size_t least, std::size_t most) {
  return static_cast<std::uint32_t>(std::bit_floor(std::clamp(wanted, least, most)));
}

class divider {
 public:
  std::size_t take(std::size_t bytes) {
    const std::size_t at = next_;
    next_ = (next_ + bytes + 63) / 64 * 64;
    return at;
  }
  [[nodiscard]] std::size_t taken() const { return next_; }

 private:
  std::size_t next_ = 0;
};

}  // namespace

std::uint32_t partition_count(std::size_t memory, std::size_t max_value) {
  return power_of_two(memory / (4 * max_value + 65536), 1, 256);
}

geometry geometry::of(std::size_t memory, std::size_t max_value, std::uint32_t spaces) {
  geometry g;
  g.memory = memory;
  g.spaces = spaces;
  g.partitions = partition_count(memory, max_value);
  g.key_stamps = power_of_two(memory / 2048, 4096, 1U << 22);
  g.tag_stamps = power_of_two(memory / 8192, 4096, 1U << 20);
  g.tag_buckets = power_of_two(memory / 2048, 4096, 1U << 24);
  g.leases_per_partition = power_of_two(memory / 16384 / g.partitions, 64, 4096);
  // About one bucket for an entry of three to four blocks.
  g.buckets_per_partition = power_of_two(memory / g.partitions / block_size / 3, 1024, 1U << 26);

  divider d;
  d.take(sizeof(segment_header));
  g.spaces_at = d.take(sizeof(space) * spaces);
  g.counters_at = d.take(sizeof(counters) * spaces * counter_shards);
  g.key_stamps_at = d.take(sizeof(stamp) * g.key_stamps);
  g.tag_stamps_at = d.take(sizeof(stamp) * g.tag_stamps);
  g.tag_buckets_at = d.take(sizeof(block_index) * g.tag_buckets);
  g.partitions_at = d.take(sizeof(partition) * g.partitions);
  g.queues_at = d.take(sizeof(sieve_queue) * g.partitions * spaces);
  g.buckets_at = d.take(sizeof(block_index) * g.partitions * g.buckets_per_partition);
  g.leases_at = d.take(sizeof(lease_slot) * g.partitions * g.leases_per_partition);
  g.blocks_at = d.take(0);
  // Tag links are known by eight times the index of their block.
  constexpr std::size_t most = std::size_t{none / 8} * block_size;
  const std::size_t left = memory > g.blocks_at ? std::min(memory - g.blocks_at, most) : 0;
  g.blocks_per_partition = static_cast<std::uint32_t>(left / g.partitions / block_size);
  return g;
}

}  // namespace stash

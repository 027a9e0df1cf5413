// How the segment is divided: nothing overlaps, little is lost, large values fit.
#include "store/geometry.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "store/layout.hpp"

namespace {

using namespace stash;

constexpr std::size_t megabyte = 1 << 20;

struct sizes {
  std::size_t memory;
  std::size_t max_value;
  std::uint32_t spaces;
};

class geometry_test : public testing::TestWithParam<sizes> {};

TEST_P(geometry_test, parts_follow_each_other_and_end_within_the_memory) {
  const auto [memory, max_value, spaces] = GetParam();
  const geometry g = geometry::of(memory, max_value, spaces);
  const std::vector<std::pair<std::size_t, std::size_t>> parts = {
      {0, sizeof(segment_header)},
      {g.spaces_at, sizeof(space) * g.spaces},
      {g.counters_at, sizeof(counters) * g.spaces * counter_shards},
      {g.key_stamps_at, sizeof(stamp) * g.key_stamps},
      {g.tag_stamps_at, sizeof(stamp) * g.tag_stamps},
      {g.tag_buckets_at, sizeof(block_index) * g.tag_buckets},
      {g.partitions_at, sizeof(partition) * g.partitions},
      {g.queues_at, sizeof(sieve_queue) * g.partitions * g.spaces},
      {g.buckets_at, sizeof(block_index) * g.partitions * g.buckets_per_partition},
      {g.leases_at, sizeof(lease_slot) * g.partitions * g.leases_per_partition},
      {g.blocks_at, block_size * g.partitions * g.blocks_per_partition}};
  std::size_t end = 0;
  for (const auto& [at, size] : parts) {
    EXPECT_GE(at, end);
    EXPECT_EQ(at % 64, 0U);
    end = at + size;
  }
  EXPECT_LE(end, memory);
}

TEST_P(geometry_test, what_is_masked_is_a_power_of_two) {
  const auto [memory, max_value, spaces] = GetParam();
  const geometry g = geometry::of(memory, max_value, spaces);
  for (const std::uint32_t n : {g.partitions, g.key_stamps, g.tag_stamps, g.tag_buckets,
                                g.buckets_per_partition, g.leases_per_partition})
    EXPECT_TRUE(std::has_single_bit(n)) << n;
  EXPECT_EQ(g.leases_per_partition % leases_per_set, 0U);
  EXPECT_EQ(g.partitions, partition_count(memory, max_value));
  // Tag links are known by eight times a block's index.
  EXPECT_LT(std::uint64_t{g.partitions} * g.blocks_per_partition * 8, std::uint64_t{none});
}

TEST_P(geometry_test, a_partition_holds_the_largest_value_several_times) {
  const auto [memory, max_value, spaces] = GetParam();
  if (memory < 4 * max_value) return;
  const geometry g = geometry::of(memory, max_value, spaces);
  EXPECT_GE(std::size_t{g.blocks_per_partition} * block_size, 2 * max_value);
}

TEST_P(geometry_test, nine_tenths_are_for_entries) {
  const auto [memory, max_value, spaces] = GetParam();
  const geometry g = geometry::of(memory, max_value, spaces);
  const double blocks = static_cast<double>(g.partitions) * g.blocks_per_partition * block_size;
  const bool usual = memory >= 64 * megabyte && memory <= (std::size_t{60} << 30) && spaces <= 256;
  EXPECT_GT(blocks / static_cast<double>(memory), usual ? 0.9 : 0.05);
}

INSTANTIATE_TEST_SUITE_P(
    sizes, geometry_test,
    testing::Values(sizes{8 * megabyte, megabyte, 256}, sizes{8 * megabyte, 1024, 4},
                    sizes{8 * megabyte, 64 * megabyte, 4}, sizes{16 * megabyte, megabyte, 256},
                    sizes{64 * megabyte, megabyte, 256}, sizes{256 * megabyte, megabyte, 256},
                    sizes{256 * megabyte, megabyte, 4096},
                    sizes{1024 * megabyte, 64 * megabyte, 256},
                    sizes{16384 * megabyte, megabyte, 256},
                    sizes{1048576 * megabyte, megabyte, 256}));

}  // namespace

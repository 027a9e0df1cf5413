// Many times more than fits: nothing fails, nothing is lost, the memory stays in use.
#include "store_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace {

using namespace stash_test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int times_over = 5;
#else
constexpr int times_over = 100;
#endif

struct filled {
  int refused = 0;
  double least_use = 1;
  double mean_use = 0;
};

// Sizes between `least` and `most`, every order of magnitude as often.
filled fill_up(store& cache, std::size_t memory, double least, double most, bool tagged,
               int times) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> exponent(std::log(least), std::log(most));
  const std::string value(static_cast<std::size_t>(most), 'v');
  filled result;
  std::size_t written = 0;
  std::size_t checks = 0;
  const std::size_t goal = memory * static_cast<std::size_t>(times);
  for (std::uint64_t i = 0; written < goal; i++) {
    const auto size = static_cast<std::size_t>(std::exp(exponent(random)));
    std::vector<std::string> tags;
    if (tagged)
      for (std::uint64_t t = 0; t < random() % 4; t++)
        tags.push_back("c" + std::to_string(t) + ":" + std::to_string(random() % 100000));
    item set(cache, "key:" + std::to_string(random() % 1000000), "", tags);
    set.what.value = std::string_view(value).substr(0, size);
    if (cache.put(set.what, morning, guard, {}) != refusal::none) result.refused++;
    written += size + 100;
    if (written > 3 * memory && i % 16 == 0) {
      const store::usage usage = cache.measure();
      const double use =
          static_cast<double>(usage.bytes_used) / static_cast<double>(usage.bytes_capped);
      result.least_use = std::min(result.least_use, use);
      result.mean_use += use;
      checks++;
    }
  }
  result.mean_use /= static_cast<double>(checks);
  return result;
}

struct filling {
  int megabytes;
  bool tagged;
  int times;
};

class filling_test : public testing::TestWithParam<filling> {};

TEST_P(filling_test, mixed_sizes_from_ten_bytes_to_a_megabyte) {
  const auto [megabytes, tagged, times] = GetParam();
  const std::size_t memory = static_cast<std::size_t>(megabytes) << 20;
  segment data(memory, 1 << 20, 256);
  store cache = data.open();
  const filled result = fill_up(cache, memory, 10, 1 << 20, tagged, std::min(times, times_over));
  EXPECT_EQ(result.refused, 0);
  const auto capped = static_cast<double>(cache.measure().bytes_capped);
  RecordProperty("least_use", std::to_string(result.least_use));
  std::printf("%d MB: capped %.3f, least use %.3f, mean use %.3f\n", megabytes,
              capped / static_cast<double>(memory), result.least_use, result.mean_use);
  if (megabytes >= 64) {
    EXPECT_GT(capped / static_cast<double>(memory), 0.9);
    EXPECT_GT(result.least_use, 0.9);
  }
  EXPECT_TRUE(is_whole(cache));
  cache.purge_space(0);
  const store_checker::census census = store_checker::count(cache);
  EXPECT_EQ(census.entries + census.links + census.records, 0U);
}

INSTANTIATE_TEST_SUITE_P(memory, filling_test,
                         testing::Values(filling{8, false, 100}, filling{8, true, 100},
                                         filling{64, true, 100}, filling{256, false, 8}));

TEST(filling_many_tags_test, records_of_tags_never_crowd_out_entries) {
  segment data(8 << 20, 16 << 10);
  store cache = data.open();
  int refused = 0;
  for (int i = 0; i < 20000; i++) {
    std::vector<std::string> tags;
    for (int t = 0; t < 64; t++) tags.push_back(std::to_string(i * 64 + t));
    if (put(cache, "k" + std::to_string(i), "v", tags) != refusal::none) refused++;
  }
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(is_whole(cache));
}

TEST(filling_spaces_test, eviction_takes_from_namespaces_by_their_share) {
  segment data(8 << 20, 64 << 10);
  store cache = data.open();
  for (int i = 0; i < 2000; i++)
    put(cache, "k" + std::to_string(i), std::string(100, 'v'), {}, morning, 1);
  for (int i = 0; i < 200000; i++) put(cache, "k" + std::to_string(i), std::string(100, 'v'));
  EXPECT_GT(cache.counted(0, event::eviction), cache.counted(1, event::eviction));
  EXPECT_TRUE(is_whole(cache));
}

}  // namespace

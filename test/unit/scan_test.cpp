// Scans: every key that was there throughout comes back once, whatever others do meanwhile.
#include "store_fixture.hpp"

#include <atomic>
#include <map>
#include <set>
#include <thread>

namespace {

using namespace stash_test;

class scan_test : public store_fixture {
 protected:
  // All keys of a namespace, with how often each came.
  static std::map<std::string, int> scan(store& cache, std::uint32_t step, std::size_t capacity,
                                         space_index space = 0) {
    std::map<std::string, int> keys;
    std::string buffer(capacity, '\0');
    for (std::uint64_t at = 0; at < cache.bucket_total();) {
      const store::bucket_scan result =
          cache.scan_keys(space, morning, at, step, buffer.data(), buffer.size());
      if (result.needed > 0) {
        EXPECT_GT(result.needed, buffer.size());
        buffer.resize(result.needed);
      }
      EXPECT_TRUE(result.next_bucket > at || result.needed > 0);
      for (std::size_t i = 0; i < result.used;) {
        std::uint16_t size = 0;
        std::memcpy(&size, buffer.data() + i, sizeof size);
        keys[buffer.substr(i + sizeof size, size)]++;
        i += sizeof size + size;
      }
      at = result.next_bucket;
    }
    return keys;
  }
};

TEST_F(scan_test, an_empty_store_has_no_keys) { EXPECT_TRUE(scan(cache_, 1024, 100).empty()); }

TEST_F(scan_test, every_key_comes_once_whatever_the_steps_and_buffers) {
  for (int i = 0; i < 3000; i++)
    put(cache_, "key" + std::to_string(i) + std::string(i % 300, 'x'), "v");
  for (const std::uint32_t step : {1U, 7U, 1000U, 1U << 31})
    for (const std::size_t capacity : {1, 500, 100000}) {
      const auto keys = scan(cache_, step, capacity);
      EXPECT_EQ(keys.size(), 3000U);
      for (const auto& [key, times] : keys) ASSERT_EQ(times, 1) << key;
    }
}

TEST_F(scan_test, other_namespaces_dead_entries_and_markers_do_not_show) {
  put(cache_, "mine", "v");
  put(cache_, "other", "v", {}, morning, 1);
  put(cache_, "dead", "v", {"t"});
  cache_.invalidate_tag(cache_.tag(0, "t"), morning, false);
  item expired(cache_, "expired", "v");
  expired.what.expires_at = morning;
  cache_.put(expired.what, morning, guard, {});
  item marker(cache_, "marker", "");
  marker.what.kind = value_kind::role_marker;
  cache_.put(marker.what, morning, guard, {});
  EXPECT_EQ(scan(cache_, 1024, 1000), (std::map<std::string, int>{{"mine", 1}}));
  EXPECT_EQ(scan(cache_, 1024, 1000, 1), (std::map<std::string, int>{{"other", 1}}));
}

TEST_F(scan_test, what_stays_is_found_while_others_come_and_go) {
  for (int i = 0; i < 500; i++) put(cache_, "stays" + std::to_string(i), "v");
  std::atomic<bool> stop = false;
  std::thread other([&] {
    store mine = memory_.open();
    for (int i = 0; !stop; i++) {
      put(mine, "comes" + std::to_string(i % 3000), std::string(i % 200, 'v'));
      mine.remove(mine.key(0, "comes" + std::to_string((i * 7) % 3000)));
    }
  });
  for (int round = 0; round < 20; round++) {
    const auto keys = scan(cache_, 256, 2000);
    int stayed = 0;
    for (const auto& [key, times] : keys)
      if (key.starts_with("stays")) {
        stayed++;
        ASSERT_EQ(times, 1) << key;
      }
    ASSERT_EQ(stayed, 500);
  }
  stop = true;
  other.join();
}

TEST_F(scan_test, a_prefix_takes_its_keys_and_no_others) {
  for (int i = 0; i < 1000; i++) {
    put(cache_, "user:" + std::to_string(i), "v");
    put(cache_, "order:" + std::to_string(i), "v");
    put(cache_, "user:" + std::to_string(i), "v", {}, morning, 1);
  }
  const std::string long_prefix(200, 'p');
  put(cache_, long_prefix + "x", "v");
  put(cache_, long_prefix.substr(1) + "xx", "v");
  EXPECT_EQ(cache_.count_prefix(0, "user:", morning), 1000U);
  EXPECT_EQ(cache_.count_prefix(0, "user:99", morning), 11U);
  EXPECT_EQ(cache_.remove_prefix(0, "user:99"), 11U);
  EXPECT_EQ(cache_.count_prefix(0, "user:", morning), 989U);
  EXPECT_EQ(cache_.remove_prefix(0, long_prefix), 1U);
  EXPECT_EQ(cache_.remove_prefix(0, "user:"), 989U);
  EXPECT_EQ(cache_.count_prefix(0, "", morning), 1001U);
  EXPECT_EQ(cache_.count_prefix(1, "", morning), 1000U);
  EXPECT_EQ(cache_.remove_prefix(0, ""), 1001U);
  EXPECT_EQ(cache_.measure().entries, 1000U);
}

TEST_F(scan_test, purging_a_namespace_leaves_the_others) {
  for (int i = 0; i < 500; i++) {
    put(cache_, "k" + std::to_string(i), "v", {"t" + std::to_string(i % 7)});
    put(cache_, "k" + std::to_string(i), "v", {"t"}, morning, 3);
  }
  cache_.purge_space(0);
  EXPECT_EQ(cache_.space_at(0).entries.load(), 0);
  EXPECT_EQ(cache_.space_at(3).entries.load(), 500);
}

}  // namespace

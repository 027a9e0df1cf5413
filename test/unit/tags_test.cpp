// Tags: what an invalidation kills, at which cost, and that nothing of a tag outlives its entries.
#include "store_fixture.hpp"

#include <random>
#include <set>

namespace {

using namespace stash_test;

class tags_test : public store_fixture {
 protected:
  void invalidate(const std::string& tag, timestamp at) {
    cache_.invalidate_tag(cache_.tag(0, tag), at, true);
  }
  std::uint32_t live(const std::string& tag) { return cache_.tag_count(cache_.tag(0, tag)); }

  std::set<std::string> keys_of(const std::string& tag, const std::vector<std::string>& others = {},
                                std::uint32_t max_keys = 1000, std::size_t capacity = 10000,
                                bool* all = nullptr) {
    std::vector<tag_id> ids;
    for (const std::string& other : others) ids.push_back(cache_.tag(0, other));
    std::string buffer(capacity, '\0');
    std::size_t used = 0;
    const bool fitted =
        cache_.tagged_keys(cache_.tag(0, tag), ids, max_keys, buffer.data(), capacity, &used);
    if (all != nullptr) *all = fitted;
    std::set<std::string> keys;
    for (std::size_t at = 0; at < used;) {
      std::uint16_t size = 0;
      std::memcpy(&size, buffer.data() + at, sizeof size);
      keys.insert(buffer.substr(at + sizeof size, size));
      at += sizeof size + size;
    }
    return keys;
  }
};

TEST_F(tags_test, invalidation_kills_what_carries_the_tag_and_nothing_else) {
  put(cache_, "a", "1", {"user:1"});
  put(cache_, "b", "2", {"user:1", "user:2"});
  put(cache_, "c", "3", {"user:2"});
  put(cache_, "d", "4");
  EXPECT_EQ(live("user:1"), 2U);
  EXPECT_EQ(live("user:*"), 3U);
  invalidate("user:1", morning);
  EXPECT_EQ(value_of(cache_, "a"), std::nullopt);
  EXPECT_EQ(value_of(cache_, "b"), std::nullopt);
  EXPECT_EQ(value_of(cache_, "c"), "3");
  EXPECT_EQ(value_of(cache_, "d"), "4");
  EXPECT_EQ(live("user:1"), 0U);
  EXPECT_TRUE(is_whole(cache_));
}

TEST_F(tags_test, invalidating_the_class_kills_all_its_tags) {
  put(cache_, "a", "1", {"user:1"});
  put(cache_, "b", "2", {"order:1"});
  invalidate("user:*", morning);
  EXPECT_EQ(value_of(cache_, "a"), std::nullopt);
  EXPECT_EQ(value_of(cache_, "b"), "2");
}

TEST_F(tags_test, what_was_read_later_lives) {
  put(cache_, "a", "1", {"t"});
  invalidate("t", morning);
  EXPECT_EQ(put(cache_, "b", "2", {"t"}, morning), refusal::changed);
  EXPECT_EQ(put(cache_, "b", "2", {"t"}, morning + 1), refusal::none);
  EXPECT_EQ(value_of(cache_, "b"), "2");
  EXPECT_EQ(live("t"), 1U);
  EXPECT_TRUE(is_whole(cache_));
  invalidate("t", morning + 1);
  EXPECT_EQ(value_of(cache_, "b"), std::nullopt);
}

// Whoever writes no data draws a stamp from a clock that he read before his flux.
TEST_F(tags_test, a_stamp_older_than_what_it_finds_kills_that_too) {
  put(cache_, "a", "1", {"t"}, morning + 100);
  invalidate("t", morning + 50);
  EXPECT_EQ(value_of(cache_, "a"), std::nullopt);
  EXPECT_TRUE(is_whole(cache_));
  EXPECT_TRUE(cache_.remove(cache_.key(0, "a")));
}

TEST_F(tags_test, a_record_goes_with_its_last_entry) {
  put(cache_, "a", "1", {"user:1"});
  put(cache_, "b", "2", {"user:2"});
  EXPECT_EQ(store_checker::count(cache_).records, 3U);
  cache_.remove(cache_.key(0, "a"));
  EXPECT_EQ(store_checker::count(cache_).records, 2U);
  invalidate("user:2", morning);
  EXPECT_EQ(store_checker::count(cache_).records, 2U);
  put(cache_, "b", "untagged", {}, morning + 1);
  const store_checker::census census = store_checker::count(cache_);
  EXPECT_EQ(census.records, 0U);
  EXPECT_EQ(census.links, 0U);
}

TEST_F(tags_test, a_tag_in_flux_hides_its_entries_and_keeps_its_record) {
  put(cache_, "a", "1", {"t"});
  const tag_id id = cache_.tag(0, "t");
  EXPECT_TRUE(cache_.begin_tag_flux(id));
  EXPECT_EQ(value_of(cache_, "a"), std::nullopt);
  cache_.remove(cache_.key(0, "a"));
  EXPECT_EQ(store_checker::count(cache_).records, 1U);
  cache_.end_tag_flux(id, true);
  EXPECT_EQ(store_checker::count(cache_).records, 0U);
}

TEST_F(tags_test, a_tag_without_entries_has_no_record_to_put_in_flux) {
  const tag_id id = cache_.tag(0, "t");
  EXPECT_FALSE(cache_.begin_tag_flux(id));
  put(cache_, "a", "1", {"t"});
  cache_.end_tag_flux(id, false);
  EXPECT_EQ(value_of(cache_, "a"), "1");
}

TEST_F(tags_test, keys_by_tag_are_those_that_carry_all_tags) {
  put(cache_, "a", "1", {"user:1", "x"});
  put(cache_, "b", "2", {"user:1", "y"});
  put(cache_, "c", "3", {"user:2", "user:1", "x"});
  EXPECT_EQ(keys_of("user:1"), (std::set<std::string>{"a", "b", "c"}));
  EXPECT_EQ(keys_of("user:1", {"x"}), (std::set<std::string>{"a", "c"}));
  EXPECT_EQ(keys_of("user:1", {"x", "user:2"}), (std::set<std::string>{"c"}));
  EXPECT_EQ(keys_of("x", {"user:*"}), (std::set<std::string>{"a", "c"}));
  EXPECT_EQ(keys_of("user:1", {"order:*"}), (std::set<std::string>{}));
  EXPECT_EQ(keys_of("nobody"), (std::set<std::string>{}));
  invalidate("y", morning);
  EXPECT_EQ(keys_of("y"), (std::set<std::string>{}));
}

TEST_F(tags_test, keys_by_tag_stop_at_their_limits) {
  for (int i = 0; i < 20; i++) put(cache_, "key" + std::to_string(i), "v", {"t"});
  EXPECT_EQ(keys_of("t", {}, 5).size(), 5U);
  bool all = true;
  EXPECT_EQ(keys_of("t", {}, 1000, 21, &all).size(), 3U);
  EXPECT_FALSE(all);
}

TEST_F(tags_test, any_order_of_work_keeps_lists_and_counts_right) {
  std::mt19937 random(11);
  timestamp now = morning;
  for (int i = 0; i < 20000; i++) {
    now++;
    const std::string key = "k" + std::to_string(random() % 200);
    const std::string tag = "c" + std::to_string(random() % 3) + ":" + std::to_string(random() % 9);
    switch (random() % 8) {
      case 0:
        invalidate(tag, now - static_cast<timestamp>(random() % 3));
        break;
      case 1:
        invalidate(class_of(tag), now);
        break;
      case 2:
        cache_.remove(cache_.key(0, key));
        break;
      case 3:
        cache_.sweep(now, 64);
        break;
      default:
        put(cache_, key, std::string(random() % 500, 'v'),
            {tag, "c1:" + std::to_string(random() % 5), "plain"}, now);
    }
    if (i % 500 == 0) {
      ASSERT_TRUE(is_whole(cache_)) << i;
    }
  }
  cache_.purge_space(0);
  const store_checker::census census = store_checker::count(cache_);
  EXPECT_EQ(census.records + census.links + census.entries, 0U);
}

}  // namespace

// Counters: atomic, immediate, and wherever in its blocks the number lies.
#include "store_fixture.hpp"

#include <limits>
#include <thread>

namespace {

using namespace stash_test;

class counters_test : public store_fixture {
 protected:
  counter_result add(std::string_view key, std::int64_t by, timestamp now = morning,
                     timestamp expires_at = never) {
    return cache_.add(cache_.key(0, key), by, now, expires_at, false);
  }
};

TEST_F(counters_test, a_counter_begins_with_its_first_step) {
  EXPECT_EQ(add("n", 5).value, 5);
  EXPECT_EQ(add("n", -7).value, -2);
  const auto bytes = value_of(cache_, "n");
  ASSERT_TRUE(bytes.has_value());
  std::int64_t value = 0;
  std::memcpy(&value, bytes->data(), sizeof value);
  EXPECT_EQ(value, -2);
  EXPECT_EQ(cache_.peek(cache_.key(0, "n"), reader_at(morning)).info.kind, value_kind::counter);
}

TEST_F(counters_test, the_end_is_set_once_when_it_is_made) {
  EXPECT_EQ(add("n", 1, morning, morning + 10).value, 1);
  EXPECT_EQ(add("n", 1, morning + 5, morning + 100).value, 2);
  EXPECT_EQ(add("n", 1, morning + 10, morning + 100).value, 1);
  EXPECT_EQ(add("n", 1, morning + 50, never).value, 2);
}

TEST_F(counters_test, a_step_too_far_changes_nothing) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(add("n", most).value, most);
  EXPECT_EQ(add("n", 1).state, counter_state::overflow);
  EXPECT_EQ(add("n", -1).value, most - 1);
  EXPECT_EQ(add("m", std::numeric_limits<std::int64_t>::min()).state, counter_state::done);
  EXPECT_EQ(add("m", -1).state, counter_state::overflow);
}

TEST_F(counters_test, what_is_no_counter_is_not_counted) {
  put(cache_, "k", "12345678");
  EXPECT_EQ(add("k", 1).state, counter_state::wrong_kind);
  EXPECT_EQ(value_of(cache_, "k"), "12345678");
}

TEST_F(counters_test, the_number_may_straddle_blocks) {
  for (std::size_t size = 1; size <= max_key_size; size++) {
    const std::string key(size, 'k');
    ASSERT_EQ(add(key, 0x0102030405060708).value, 0x0102030405060708);
    ASSERT_EQ(add(key, 0x0101010101010101).value, 0x0203040506070809);
    const auto bytes = value_of(cache_, key);
    ASSERT_TRUE(bytes.has_value());
    std::int64_t value = 0;
    std::memcpy(&value, bytes->data(), sizeof value);
    ASSERT_EQ(value, 0x0203040506070809) << size;
  }
}

TEST_F(counters_test, no_isolation_level_and_no_flux_on_the_key_hides_it) {
  add("n", 1);
  reader who = reader_at(morning);
  who.never_hits = true;
  who.stored_before = 0;
  stamp& slot = cache_.key_stamp(cache_.key(0, "n"));
  slot.begin_flux();
  EXPECT_TRUE(value_of(cache_, "n", who).has_value());
  slot.end_flux();
}

TEST_F(counters_test, clearing_the_namespace_starts_it_anew) {
  add("n", 5);
  cache_.space_at(0).all.changed(morning + 10, false);
  EXPECT_EQ(value_of(cache_, "n"), std::nullopt);
  EXPECT_EQ(add("n", 1, morning).value, 1);
  EXPECT_TRUE(value_of(cache_, "n").has_value());
}

TEST_F(counters_test, one_made_in_recovery_ends_with_it) {
  EXPECT_EQ(cache_.add(cache_.key(0, "n"), 5, morning, never, true).value, 5);
  EXPECT_EQ(cache_.add(cache_.key(0, "n"), 1, morning, never, true).value, 6);
  EXPECT_EQ(add("n", 1).value, 1);
}

TEST_F(counters_test, versions_grow) {
  std::int64_t last = 0;
  for (int i = 0; i < 5; i++) {
    add("n", 1);
    const std::int64_t version = cache_.peek(cache_.key(0, "n"), reader_at(morning)).info.version;
    EXPECT_GT(version, last);
    last = version;
  }
}

TEST_F(counters_test, counting_in_a_full_namespace_evicts_others_not_itself) {
  cache_.space_at(0).max_bytes.store(20 * std::int64_t{block_size});
  for (int i = 0; i < 200; i++) {
    ASSERT_EQ(add("n", 1).value, i + 1);
    if (i < 10) put(cache_, "k" + std::to_string(i), "v");
  }
  const std::uint64_t evicted = cache_.counted(0, event::eviction);
  for (int i = 0; i < 100; i++) add("n", 1);
  EXPECT_EQ(cache_.counted(0, event::eviction), evicted);
}

TEST_F(counters_test, threads_lose_no_step) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([this] {
      store mine = memory_.open();
      for (int i = 0; i < 2000; i++) {
        const std::string key = "n" + std::to_string(i % 3);
        mine.add(mine.key(0, key), 1, morning, never, false);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(add("n0", 0).value + add("n1", 0).value + add("n2", 0).value, 8000);
}

}  // namespace

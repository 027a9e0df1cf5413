// Conditional sets: of those that got as far as the commit exactly one wins.
#include "log_fixture.hpp"

#include <atomic>
#include <thread>

namespace {

using namespace stash_test;

class log_conditions_test : public log_both {
 protected:
  std::int64_t version(const std::string& key) {
    return cache_.peek(cache_.key(0, key), reader_at(clock_)).info.version;
  }
};

INSTANTIATE_TEST_SUITE_P(writer, log_conditions_test, testing::Bool());

TEST_P(log_conditions_test, adding_needs_an_absent_key) {
  auto t = begin();
  t.set("k", "v", {}, no_version);
  ASSERT_TRUE(t.commit(writer()));
  auto u = begin();
  u.set("k", "w", {}, no_version);
  EXPECT_FALSE(u.commit(writer()));
  EXPECT_EQ(read("k"), "v");
}

TEST_P(log_conditions_test, a_version_must_be_the_one_that_is_there) {
  given("k", "v");
  auto t = begin();
  t.set("k", "w", {}, version("k") + 1);
  EXPECT_FALSE(t.commit(writer()));
  auto u = begin();
  u.set("k", "w", {}, version("k"));
  EXPECT_TRUE(u.commit(writer()));
  EXPECT_EQ(read("k"), "w");
}

TEST_P(log_conditions_test, of_two_at_commit_one_wins) {
  auto t = begin(1);
  t.set("k", "t", {}, no_version);
  auto u = begin(2);
  u.set("k", "u", {}, no_version);
  ASSERT_TRUE(t.prepare(writer()));
  EXPECT_FALSE(u.prepare(writer()));
  u.abort();
  t.finish();
  EXPECT_EQ(read("k"), "t");
}

TEST_P(log_conditions_test, of_two_that_want_the_same_keys_in_another_order_one_wins) {
  auto t = begin(1);
  auto u = begin(2);
  t.set("a", "t", {}, no_version);
  t.set("b", "t", {}, no_version);
  u.set("b", "u", {}, no_version);
  u.set("a", "u", {}, no_version);
  t.log.prepare(cache_, writer(), 1);
  u.log.prepare(cache_, writer(), 2);
  EXPECT_NE(t.log.conditions_hold(cache_, clock_), u.log.conditions_hold(cache_, clock_));
  t.abort();
  u.abort();
}

TEST_P(log_conditions_test, somebody_in_flux_makes_it_fail) {
  auto other = begin(2);
  other.remove("k");
  ASSERT_TRUE(other.prepare(true));
  auto t = begin(1);
  t.set("k", "t", {}, no_version);
  EXPECT_FALSE(t.commit(writer()));
  other.abort();
}

TEST_P(log_conditions_test, an_entry_hidden_by_the_flux_of_a_tag_may_come_back) {
  given("k", "held", {"t"});
  auto other = begin(2);
  other.invalidate("t");
  ASSERT_TRUE(other.prepare(true));
  auto t = begin(1);
  t.set("k", "taken", {}, no_version);
  EXPECT_FALSE(t.commit(writer()));
  other.abort();
  EXPECT_EQ(read("k"), "held");
}

TEST_P(log_conditions_test, an_entry_hidden_by_the_flux_of_a_tag_may_go) {
  given("k", "held", {"t"});
  auto other = begin(2);
  other.invalidate("t");
  const std::int64_t expected = version("k");
  ASSERT_TRUE(other.prepare(true));
  auto t = begin(1);
  t.set("k", "replaced", {}, expected);
  EXPECT_FALSE(t.commit(writer()));
  other.finish();
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_P(log_conditions_test, a_condition_outlives_the_set_that_replaces_it) {
  auto t = begin(1);
  auto u = begin(2);
  for (auto* each : {&t, &u}) {
    each->set("lock", "mine", {}, no_version);
    each->set("lock", "mine, with details");
  }
  EXPECT_TRUE(t.commit(writer()));
  EXPECT_FALSE(u.commit(writer()));
}

TEST_P(log_conditions_test, a_condition_about_its_own_set_was_checked_when_it_was_called) {
  auto t = begin();
  t.set("k", "1");
  t.set("k", "2", {}, 12345);
  EXPECT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), "2");
}

TEST_P(log_conditions_test, adding_after_its_own_removal_holds) {
  given("removed", "v");
  given("prefixed", "v");
  given("tagged", "v", {"user:1"});
  auto t = begin();
  t.remove("removed");
  t.prefix("prefix");
  t.invalidate("user:1");
  for (const char* key : {"removed", "prefixed", "tagged"}) t.set(key, "new", {}, no_version);
  EXPECT_TRUE(t.commit(writer()));
  for (const char* key : {"removed", "prefixed", "tagged"}) EXPECT_EQ(read(key), "new") << key;

  auto u = begin();
  u.clear();
  u.set("removed", "newer", {}, no_version);
  EXPECT_TRUE(u.commit(writer()));
  EXPECT_EQ(read("removed"), "newer");
}

TEST_P(log_conditions_test, a_removal_after_the_condition_does_not_excuse_it) {
  auto t = begin(1);
  t.set("k", "mine", {}, no_version);
  t.invalidate("user:1");
  given("k", "theirs", {"user:1"});
  EXPECT_FALSE(t.commit(writer()));
  EXPECT_EQ(read("k"), "theirs");
}

TEST_P(log_conditions_test, among_threads_one_adds) {
  constexpr int rounds = 300;
  std::vector<std::atomic<int>> winners(rounds);
  std::atomic<timestamp> now = morning + 100;
  std::vector<std::thread> threads;
  for (std::uint32_t process = 1; process <= 4; process++)
    threads.emplace_back([&, process] {
      store mine = memory_.open();
      for (int round = 0; round < rounds; round++) {
        timestamp clock = now.fetch_add(10);
        test_transaction t(mine, clock, process);
        t.set("lock" + std::to_string(round), std::to_string(process), {}, no_version);
        if (t.commit(writer())) winners[static_cast<std::size_t>(round)]++;
      }
    });
  for (auto& thread : threads) thread.join();
  for (const auto& count : winners) EXPECT_LE(count, 1);
}

}  // namespace

// The shared clock: stamps never go backwards, and a wall clock that did is not believed.
#include "store/clock.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace {

using stash::shared_clock;
using stash::timestamp;

class clock_test : public testing::Test {
 protected:
  clock_test() { clock_.start(wall, monotonic); }

  static constexpr timestamp wall = 1'000'000'000;
  static constexpr timestamp monotonic = 5'000'000;
  shared_clock clock_;
};

TEST_F(clock_test, a_stamp_is_the_wall_clock_when_that_is_later) {
  EXPECT_EQ(clock_.next_stamp(wall + 10, monotonic + 10), wall + 10);
}

TEST_F(clock_test, two_stamps_of_one_moment_differ) {
  const timestamp first = clock_.next_stamp(wall + 10, monotonic + 10);
  EXPECT_GT(clock_.next_stamp(wall + 10, monotonic + 10), first);
  EXPECT_GT(clock_.next_stamp(wall + 5, monotonic + 5), first);
}

TEST_F(clock_test, a_clock_that_goes_on_is_believed) {
  for (timestamp t = 10; t < 1000; t += 10) EXPECT_TRUE(clock_.observe(wall + t, monotonic + t));
}

TEST_F(clock_test, a_clock_set_back_is_not_believed_until_it_has_caught_up) {
  EXPECT_TRUE(clock_.observe(wall + 1'000'000, monotonic + 1'000'000));
  // Ten seconds back.
  EXPECT_FALSE(clock_.observe(wall - 9'000'000, monotonic + 1'000'000));
  EXPECT_FALSE(clock_.observe(wall, monotonic + 10'000'000));
  EXPECT_FALSE(clock_.observe(wall + 1'000'000, monotonic + 11'000'000));
  EXPECT_TRUE(clock_.observe(wall + 1'000'001, monotonic + 11'000'001));
}

TEST_F(clock_test, a_stamp_after_a_step_back_is_later_than_every_moment_before_it) {
  EXPECT_TRUE(clock_.observe(wall + 1'000'000, monotonic + 1'000'000));
  // Nobody has looked since: a moment of up to here may have been taken before the step.
  EXPECT_GE(clock_.next_stamp(wall - 9'000'000, monotonic + 2'000'000), wall + 2'000'000);
}

TEST_F(clock_test, a_clock_set_forward_is_believed) {
  EXPECT_TRUE(clock_.observe(wall + 60'000'000, monotonic + 1));
  EXPECT_TRUE(clock_.observe(wall + 60'000'010, monotonic + 11));
}

TEST_F(clock_test, readings_a_little_apart_are_no_step) {
  EXPECT_TRUE(clock_.observe(wall + 1000, monotonic + 1000));
  EXPECT_TRUE(clock_.observe(wall + 1001, monotonic + 1001 + shared_clock::tolerance));
}

TEST_F(clock_test, a_moment_seen_in_the_future_must_pass_first) {
  clock_.must_pass(wall + 500);
  EXPECT_FALSE(clock_.observe(wall + 500, monotonic + 500));
  EXPECT_TRUE(clock_.observe(wall + 501, monotonic + 501));
  EXPECT_GE(clock_.next_stamp(wall + 100, monotonic + 100), wall + 500);
}

TEST_F(clock_test, threads_never_share_a_stamp) {
  constexpr int each = 5000;
  std::vector<std::vector<timestamp>> drawn(4);
  std::vector<std::thread> threads;
  for (auto& mine : drawn)
    threads.emplace_back([&] {
      for (int i = 0; i < each; i++) mine.push_back(clock_.next_stamp(wall + i, monotonic + i));
    });
  for (auto& thread : threads) thread.join();
  std::set<timestamp> all;
  for (const auto& mine : drawn) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), std::size_t{4} * each);
}

TEST_F(clock_test, a_steady_clock_needs_no_closer_look) {
  EXPECT_TRUE(clock_.steady(wall + 1000, monotonic + 1000));
  // The wall clock first, so a process that was stopped in between sees a clock that is behind.
  EXPECT_TRUE(clock_.steady(wall + 1000, monotonic + 1000 + shared_clock::tolerance));
  EXPECT_FALSE(clock_.steady(wall + 1000, monotonic + 1001 + shared_clock::tolerance));
  // One that is ahead has something to tell.
  EXPECT_FALSE(clock_.steady(wall + 1001, monotonic + 1000));
}

TEST_F(clock_test, a_clock_that_is_believed_to_be_behind_is_not_steady) {
  clock_.must_pass(wall + 1000);
  EXPECT_FALSE(clock_.steady(wall + 1000, monotonic + 1000));
  EXPECT_TRUE(clock_.steady(wall + 1001, monotonic + 1001));
}

// What is steady changes nothing when it is observed, and the other way round nothing is believed
// that observe would not believe.
TEST_F(clock_test, steady_believes_what_observe_believes) {
  for (timestamp step = -1000; step <= 1000; step += 50) {
    shared_clock other;
    other.start(wall, monotonic);
    other.must_pass(wall + 300);
    if (!other.steady(wall + 500 + step, monotonic + 500)) continue;
    EXPECT_TRUE(other.observe(wall + 500 + step, monotonic + 500)) << step;
    EXPECT_EQ(other.largest_offset.load(), wall - monotonic) << step;
  }
}

}  // namespace

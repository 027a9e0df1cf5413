// When background tasks run, rest after failures, and are heard of in the log.
#include "worker/schedule.hpp"

#include <gtest/gtest.h>

namespace stash::worker {
namespace {

constexpr std::int64_t now = 1'000'000 * second_us;

TEST(backoff_test, doubles_up_to_the_limit) {
  EXPECT_EQ(backoff_us(0, second_us, 60 * second_us), 0);
  EXPECT_EQ(backoff_us(1, second_us, 60 * second_us), second_us);
  EXPECT_EQ(backoff_us(2, second_us, 60 * second_us), 2 * second_us);
  EXPECT_EQ(backoff_us(6, second_us, 60 * second_us), 32 * second_us);
  EXPECT_EQ(backoff_us(7, second_us, 60 * second_us), 60 * second_us);
  EXPECT_EQ(backoff_us(1'000'000'000, second_us, 60 * second_us), 60 * second_us);
}

TEST(task_schedule_test, runs_again_after_its_interval) {
  task_schedule schedule;
  schedule.succeeded(now, 250, false);
  EXPECT_EQ(schedule.next_run(), now + 250'000);
}

TEST(task_schedule_test, runs_again_at_once_while_work_waits) {
  task_schedule schedule;
  schedule.succeeded(now, 250, true);
  EXPECT_EQ(schedule.next_run(), now);
}

TEST(task_schedule_test, runs_once_without_an_interval) {
  task_schedule schedule;
  schedule.succeeded(now, -1, true);
  EXPECT_EQ(schedule.next_run(), now);
  schedule.succeeded(now, -1, false);
  EXPECT_EQ(schedule.next_run(), never);
}

TEST(task_schedule_test, rests_longer_with_every_failure_and_stays_due) {
  task_schedule schedule;
  schedule.succeeded(now, 100, false);
  const std::int64_t due = schedule.due;
  schedule.failed(now, 100);
  EXPECT_EQ(schedule.next_run(), now + second_us);
  schedule.failed(now, 100);
  EXPECT_EQ(schedule.next_run(), now + 2 * second_us);
  for (int i = 0; i < 50; i++) schedule.failed(now, 100);
  EXPECT_EQ(schedule.next_run(), now + task_schedule::longest_rest_us);
  EXPECT_EQ(schedule.due, due) << "the lag must show that the task has not run";
}

TEST(task_schedule_test, never_rests_for_less_than_its_interval) {
  constexpr int hour_ms = 3'600'000;
  task_schedule schedule;
  schedule.failed(now, hour_ms);
  EXPECT_EQ(schedule.next_run(), now + 3600 * second_us);
  schedule.failed(now, hour_ms);
  EXPECT_EQ(schedule.next_run(), now + 3600 * second_us);
}

TEST(task_schedule_test, forgets_failures_after_a_success) {
  task_schedule schedule;
  for (int i = 0; i < 5; i++) schedule.failed(now, 100);
  schedule.succeeded(now, 100, false);
  EXPECT_EQ(schedule.next_run(), now + 100'000);
  schedule.failed(now, 100);
  EXPECT_EQ(schedule.next_run(), now + second_us);
}

TEST(task_schedule_test, retries_a_task_that_runs_once) {
  task_schedule schedule;
  schedule.failed(now, -1);
  EXPECT_EQ(schedule.next_run(), now + second_us);
}

TEST(error_gate_test, admits_the_first_of_a_kind_and_then_one_in_a_while) {
  error_gate gate;
  EXPECT_TRUE(gate.admits(1, now));
  EXPECT_FALSE(gate.admits(1, now + 1));
  EXPECT_FALSE(gate.admits(1, now + error_gate::quiet_us - 1));
  EXPECT_EQ(gate.suppressed, 2U);
  EXPECT_TRUE(gate.admits(1, now + error_gate::quiet_us));
  EXPECT_TRUE(gate.admits(2, now + error_gate::quiet_us + 1)) << "another error is news";
}

}  // namespace
}  // namespace stash::worker

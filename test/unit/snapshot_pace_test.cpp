// The size of steps of background work follows what they take.
#include "snapshot/pace.hpp"

#include <gtest/gtest.h>

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

TEST(SnapshotPace, QuickStepsGrowToTheMost) {
  pace steps(10, 100, 1000);
  EXPECT_EQ(steps.size(), 100);
  for (const std::int64_t expected : {151, 227, 341, 512, 769, 1000, 1000}) {
    steps.took(pace::quick - 1);
    EXPECT_EQ(steps.size(), expected);
  }
}

TEST(SnapshotPace, LongStepsShrinkByAsMuchAsTheyWereTooLong) {
  pace steps(30, 1000, 1000);
  steps.took(2 * pace::target);
  EXPECT_EQ(steps.size(), 500);
  steps.took(5 * pace::target);
  EXPECT_EQ(steps.size(), 100);
  steps.took(100 * pace::target);
  EXPECT_EQ(steps.size(), 30);
  steps.took(INT64_MAX);
  EXPECT_EQ(steps.size(), 30);
}

TEST(SnapshotPace, StepsInBetweenStayAsTheyAre) {
  pace steps(10, 100, 1000);
  steps.took(pace::quick);
  steps.took(pace::too_long);
  EXPECT_EQ(steps.size(), 100);
}

TEST(SnapshotPace, TheMostMayBeAnything) {
  pace steps(1, INT64_MAX / 2 + 1, INT64_MAX);
  steps.took(0);
  EXPECT_GT(steps.size(), INT64_MAX / 2 + 1);
  steps.took(0);
  EXPECT_EQ(steps.size(), INT64_MAX);
  steps.took(0);
  EXPECT_EQ(steps.size(), INT64_MAX);
}

// Rows that take two microseconds each: the size settles where a step is neither quick nor long.
TEST(SnapshotPace, SettlesWhereItShould) {
  pace steps(10, 100, 1'000'000);
  for (int i = 0; i < 50; i++) steps.took(steps.size() * 2);
  EXPECT_GE(steps.size() * 2, pace::quick);
  EXPECT_LE(steps.size() * 2, pace::too_long);
}

// Rows that suddenly cost ten times as much: one step that is too long, and no second one.
TEST(SnapshotPace, OneLongStepIsEnough) {
  pace steps(10, 100, 1'000'000);
  for (int i = 0; i < 50; i++) steps.took(steps.size() * 2);
  EXPECT_LE(steps.size() * 20, 10 * pace::too_long);
  steps.took(steps.size() * 20);
  EXPECT_LE(steps.size() * 20, pace::too_long);
}

}  // namespace
}  // namespace stash::memory

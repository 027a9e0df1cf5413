// What both pools do alike: sizes, lifetimes.
#include "pool_rules.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace std::chrono_literals;
using stash::detail::steady;

TEST(pool_rules, lifetimes_differ_by_a_tenth) {
  const steady::time_point now = steady::now();
  std::set<steady::duration> lifetimes;
  for (int i = 0; i < 1000; i++) {
    lifetimes.insert(stash::detail::expiry(10s, now) - now);
  }
  EXPECT_GT(lifetimes.size(), 100u);
  EXPECT_GE(*lifetimes.begin(), 9s);
  EXPECT_LT(*lifetimes.begin(), 9200ms);
  EXPECT_LE(*lifetimes.rbegin(), 11s);
  EXPECT_GT(*lifetimes.rbegin(), 10800ms);
  EXPECT_EQ(stash::detail::expiry(0s, now), steady::time_point::max());
}

TEST(pool_rules, sizes) {
  EXPECT_NO_THROW(stash::detail::check_sizes(0, 1));
  EXPECT_NO_THROW(stash::detail::check_sizes(3, 3));
  EXPECT_THROW(stash::detail::check_sizes(0, 0), stash::usage_error);
  EXPECT_THROW(stash::detail::check_sizes(2, 1), stash::usage_error);
}

}  // namespace

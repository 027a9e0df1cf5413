// What errors say that the caller can do, and the figures of waits.
#include <gtest/gtest.h>

#include "stash/error.hpp"
#include "stash/pool_statistics.hpp"
#include "wait_histogram.hpp"

namespace {

using namespace std::chrono_literals;

TEST(errors, retryable_states) {
  for (const char* state : {"40001", "40P01", "55P03"}) {
    const stash::server_error failed("m", state, "h");
    EXPECT_TRUE(failed.retryable()) << state;
    EXPECT_FALSE(failed.connection_lost()) << state;
    EXPECT_EQ(failed.sqlstate(), state);
    EXPECT_EQ(failed.hint(), "h");
  }
  for (const char* state : {"08006", "57P01", "57P02", "57P03", "57P05"})
    EXPECT_TRUE(stash::server_error("m", state, "").connection_lost()) << state;
  for (const char* state : {"23505", "42601", "57014", ""}) {
    EXPECT_FALSE(stash::server_error("m", state, "").retryable()) << state;
    EXPECT_FALSE(stash::server_error("m", state, "").connection_lost()) << state;
  }
}

TEST(errors, kinds) {
  EXPECT_TRUE(stash::connection_error("m").connection_lost());
  EXPECT_TRUE(stash::connection_error("m").retryable());
  EXPECT_FALSE(stash::timeout_error("m").retryable());
  EXPECT_FALSE(stash::usage_error("m").retryable());
}

TEST(wait_histogram, nothing_yet) {
  const stash::wait_histogram waits;
  EXPECT_EQ(waits.quantile(0.5), 0ns);
  EXPECT_EQ(waits.longest(), 0ns);
}

TEST(wait_histogram, quantiles_are_within_a_fifth) {
  stash::wait_histogram waits;
  for (int i = 1; i <= 1000; i++) waits.add(std::chrono::microseconds(i));
  EXPECT_NEAR(static_cast<double>(waits.quantile(0.5).count()), 500e3, 100e3);
  EXPECT_NEAR(static_cast<double>(waits.quantile(0.99).count()), 990e3, 200e3);
  EXPECT_EQ(waits.longest(), 1000us);
}

TEST(wait_histogram, takes_any_length) {
  stash::wait_histogram waits;
  waits.add(-5ns);
  waits.add(std::chrono::nanoseconds::max());
  for (std::int64_t wait = 1; wait > 0 && wait < (std::int64_t{1} << 60); wait *= 2) {
    stash::wait_histogram one;
    one.add(std::chrono::nanoseconds(wait));
    EXPECT_NEAR(static_cast<double>(one.quantile(0.5).count()), static_cast<double>(wait),
                0.2 * static_cast<double>(wait));
  }
}

TEST(prometheus, labels_are_escaped) {
  const std::string text = stash::to_prometheus({.max_size = 7}, "a\"b\\c\nd");
  EXPECT_NE(text.find("stash_pool_max_size{pool=\"a\\\"b\\\\c\\nd\"} 7\n"), std::string::npos);
}

}  // namespace

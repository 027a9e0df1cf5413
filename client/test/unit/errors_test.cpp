// What errors say that the caller can do, and the figures of waits.
#include <gtest/gtest.h>

#include "stash/error.hpp"
#include "stash/expected.hpp"
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

TEST(errors, a_failure_raises_its_error) {
  using stash::failure;
  using stash::failure_kind;
  EXPECT_THROW(failure(failure_kind::connection, "m").raise(), stash::connection_error);
  EXPECT_THROW(failure(failure_kind::timeout, "m").raise(), stash::timeout_error);
  EXPECT_THROW(failure(failure_kind::cancelled, "m").raise(), stash::cancelled_error);
  EXPECT_THROW(failure(failure_kind::usage, "m").raise(), stash::usage_error);
  EXPECT_THROW(failure(failure_kind::value, "m").raise(), stash::value_error);
  try {
    failure(failure_kind::server, "m", "40001", "h").raise();
  } catch (const stash::server_error& failed) {
    EXPECT_STREQ(failed.what(), "m");
    EXPECT_EQ(failed.sqlstate(), "40001");
    EXPECT_EQ(failed.hint(), "h");
    EXPECT_TRUE(failed.retryable());
    EXPECT_EQ(failed.why().kind(), failure_kind::server);
  }
}

TEST(expected, holds_a_value_or_a_failure) {
  stash::expected<std::string> good(std::string("v"));
  EXPECT_TRUE(good);
  EXPECT_EQ(*good, "v");
  EXPECT_EQ(good->size(), 1u);
  EXPECT_EQ(*std::move(good), "v");
  const stash::expected<std::string> bad(stash::failure(stash::failure_kind::usage, "m"));
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.value_or("other"), "other");
  EXPECT_EQ(bad.error().message(), "m");
  EXPECT_THROW((void)bad.value(), stash::usage_error);
  EXPECT_THROW((void)bad->size(), stash::usage_error);
  EXPECT_NO_THROW(stash::expected<void>().value());
  EXPECT_THROW(stash::expected<void>(bad.error()).value(), stash::usage_error);
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

}  // namespace

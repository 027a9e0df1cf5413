// What a pool's figures suggest.
#include <gtest/gtest.h>

#include "stash/pool_statistics.hpp"

namespace {

// The only sentence, or how many there are.
std::string said(const stash::pool_statistics& figures) {
  const auto all = stash::recommendations(figures);
  return all.size() == 1 ? all[0] : std::to_string(all.size()) + " sentences";
}

TEST(recommendations, each_of_them) {
  EXPECT_EQ(said({.max_size = 10, .most_on_loan = 9, .acquired = 10'000, .waited = 900}),
            "0 sentences");
  EXPECT_NE(said({.timeouts = 3}).find("3 callers gave up waiting"), std::string::npos);
  EXPECT_NE(said({.max_size = 4, .most_on_loan = 4, .acquired = 100, .waited = 11})
                .find("increase max_size (now 4)"),
            std::string::npos);
  EXPECT_NE(said({.max_size = 20, .most_on_loan = 4, .acquired = 1000})
                .find("never more than 4 of 20 connections"),
            std::string::npos);
  EXPECT_NE(said({.leaks_reported = 1}).find("see holders()"), std::string::npos);
  EXPECT_NE(said({.created = 20, .closed_idle = 11}).find("increase min_size"), std::string::npos);
  EXPECT_NE(said({.acquired = 20, .closed_broken = 3}).find("transactions that are not ended"),
            std::string::npos);
  EXPECT_NE(said({.connect_failures = 2}).find("2 attempts to connect failed"), std::string::npos);
}

}  // namespace

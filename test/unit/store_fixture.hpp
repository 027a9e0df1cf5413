// The fixture of most tests: a small store, whole before the test and whole after it.
#pragma once

#include "store_checker.hpp"
#include "test_store.hpp"

namespace stash_test {

inline testing::AssertionResult is_whole(const store& owner) {
  const std::vector<std::string> faults = store_checker::faults(owner);
  if (faults.empty()) return testing::AssertionSuccess();
  testing::AssertionResult failure = testing::AssertionFailure();
  failure << faults.size() << " faults";
  for (std::size_t i = 0; i < faults.size() && i < 10; i++) failure << "\n  " << faults[i];
  return failure;
}

class store_fixture : public testing::Test {
 protected:
  // Eight megabytes with values of up to 64 kB: several partitions.
  explicit store_fixture(std::size_t memory = 8 << 20, std::size_t max_value = 64 << 10)
      : memory_(memory, max_value), cache_(memory_.open()) {}

  void TearDown() override { EXPECT_TRUE(is_whole(cache_)); }

  segment memory_;
  store cache_;
};

}  // namespace stash_test

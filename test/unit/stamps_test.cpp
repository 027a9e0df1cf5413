// Stamps: moments only grow, flux is counted, a claim has one holder.
#include "store/stamps.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "store/store.hpp"

namespace {

using stash::stamp;

TEST(stamps_test, moments_never_go_backwards) {
  stamp s{};
  s.changed(100, false);
  s.changed(50, true);
  EXPECT_EQ(s.changed_at.load(), 100);
  EXPECT_EQ(s.data_changed_at.load(), 50);
  s.changed(200, true);
  EXPECT_EQ(s.changed_at.load(), 200);
  EXPECT_EQ(s.data_changed_at.load(), 200);
  s.changed(300, false);
  EXPECT_EQ(s.data_changed_at.load(), 200);
}

TEST(stamps_test, own_flux_is_not_that_of_others) {
  std::array<stamp, 3> slots{};
  std::vector<stamp*> own = {&slots[0], &slots[2]};
  EXPECT_FALSE(stash::store::in_flux_by_others(slots[0], own));
  slots[0].begin_flux();
  EXPECT_FALSE(stash::store::in_flux_by_others(slots[0], own));
  EXPECT_TRUE(stash::store::in_flux_by_others(slots[0], {}));
  slots[0].begin_flux();
  EXPECT_TRUE(stash::store::in_flux_by_others(slots[0], own));
  slots[1].begin_flux();
  EXPECT_TRUE(stash::store::in_flux_by_others(slots[1], own));
  slots[1].end_flux();
  EXPECT_FALSE(stash::store::in_flux_by_others(slots[1], own));
}

TEST(stamps_test, a_claim_has_one_holder_at_a_time) {
  stamp s{};
  EXPECT_TRUE(s.try_claim(7));
  EXPECT_TRUE(s.try_claim(7));
  EXPECT_FALSE(s.try_claim(8));
  s.release_claim(8);
  EXPECT_FALSE(s.try_claim(8));
  s.release_claim(7);
  EXPECT_TRUE(s.try_claim(8));
}

TEST(stamps_test, threads_leave_the_latest_moment_and_no_flux) {
  stamp s{};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&s, t] {
      for (int i = 0; i < 5000; i++) {
        s.begin_flux();
        s.changed(i * 4 + t, true);
        s.end_flux();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(s.in_flux.load(), 0U);
  EXPECT_EQ(s.changed_at.load(), 4999 * 4 + 3);
}

}  // namespace

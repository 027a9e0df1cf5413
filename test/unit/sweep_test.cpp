// The sweep: the dead give their blocks back, after their grace, in bounded slices.
#include "store_fixture.hpp"

namespace {

using namespace stash_test;

class sweep_test : public store_fixture {
 protected:
  void put_until(const std::string& key, timestamp expires_at, std::uint16_t stale_seconds = 0,
                 const std::vector<std::string>& tags = {}) {
    item set(cache_, key, "v", tags);
    set.what.expires_at = expires_at;
    set.what.stale_seconds = stale_seconds;
    ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  }
  std::uint32_t sweep_all(timestamp now) {
    return cache_.sweep(now, static_cast<std::uint32_t>(cache_.bucket_total()));
  }
};

TEST_F(sweep_test, what_expired_goes_and_what_lives_stays) {
  for (int i = 0; i < 300; i++) put_until("k" + std::to_string(i), morning + i + 1);
  EXPECT_EQ(sweep_all(morning + 100), 100U);
  EXPECT_EQ(cache_.measure().entries, 200U);
  EXPECT_EQ(cache_.counted(0, event::expiration), 100U);
  EXPECT_EQ(sweep_all(morning + 100), 0U);
}

TEST_F(sweep_test, what_was_invalidated_goes_but_did_not_expire) {
  put_until("a", never, 0, {"t"});
  put_until("b", never);
  cache_.invalidate_tag(cache_.tag(0, "t"), morning, true);
  EXPECT_EQ(sweep_all(morning + 1), 1U);
  EXPECT_EQ(cache_.counted(0, event::expiration), 0U);
  EXPECT_EQ(store_checker::count(cache_).records, 0U);
}

TEST_F(sweep_test, the_dead_stay_as_long_as_somebody_may_be_given_them) {
  put_until("a", morning + second, 5);
  put_until("b", never, 5, {"t"});
  cache_.invalidate_tag(cache_.tag(0, "t"), morning + second, true);
  EXPECT_EQ(sweep_all(morning + 6 * second - 1), 0U);
  EXPECT_EQ(sweep_all(morning + 6 * second), 2U);
}

TEST_F(sweep_test, a_lease_that_hands_out_the_stale_prolongs_their_stay) {
  put_until("a", morning + second);
  cache_.take_lease(cache_.key(0, "a"), reader_at(morning + second),
                    {morning + second, morning + 2 * second, 3 * second}, nullptr, 0);
  EXPECT_EQ(sweep_all(morning + 4 * second - 1), 0U);
  EXPECT_EQ(sweep_all(morning + 4 * second), 1U);
}

TEST_F(sweep_test, slices_cover_the_whole_store_in_the_end) {
  for (int i = 0; i < 300; i++) put_until("k" + std::to_string(i), morning + 1);
  std::uint32_t removed = 0;
  for (std::uint64_t done = 0; done < cache_.bucket_total(); done += 64)
    removed += cache_.sweep(morning + 1, 64);
  EXPECT_EQ(removed, 300U);
}

}  // namespace

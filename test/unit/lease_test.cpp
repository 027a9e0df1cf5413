// Leases: one computes, the others wait or are told what was; any invalidation voids a lease.
#include "store_fixture.hpp"

namespace {

using namespace stash_test;

class lease_test : public store_fixture {
 protected:
  lease_result take(std::string_view key, timestamp now, timestamp stale_for = 0,
                    bool stale_invalidated = true, std::size_t capacity = 100) {
    buffer_.assign(100, '\0');
    return cache_.take_lease(cache_.key(0, key), reader_at(now),
                             {now, now + 10 * second, stale_for, stale_invalidated}, buffer_.data(),
                             capacity);
  }
  refusal fill_with(const lease_result& lease, std::string_view key, timestamp read_at) {
    item set(cache_, std::string(key), "fresh", {}, read_at);
    set.what.lease = lease.nonce;
    return cache_.put(set.what, read_at + 1, guard, {});
  }
  std::string buffer_;
};

TEST_F(lease_test, one_takes_it_and_the_others_wait) {
  const lease_result first = take("k", morning);
  EXPECT_EQ(first.state, lease_state::taken);
  EXPECT_NE(first.nonce, 0U);
  EXPECT_EQ(take("k", morning).state, lease_state::wait);
  EXPECT_EQ(take("other", morning).state, lease_state::taken);
  EXPECT_EQ(fill_with(first, "k", morning), refusal::none);
  EXPECT_EQ(take("k", morning + 1).state, lease_state::hit);
  EXPECT_EQ(buffer_.substr(0, 5), "fresh");
}

TEST_F(lease_test, a_fill_uses_it_up) {
  const lease_result lease = take("k", morning);
  EXPECT_EQ(cache_.lease_valid(cache_.key(0, "k"), lease.nonce, morning, morning), 0);
  EXPECT_EQ(fill_with(lease, "k", morning), refusal::none);
  EXPECT_EQ(cache_.lease_valid(cache_.key(0, "k"), lease.nonce, morning, morning), -1);
  EXPECT_EQ(fill_with(lease, "k", morning), refusal::lease);
}

TEST_F(lease_test, neither_nonce_nor_moment_can_be_made_up) {
  const lease_result lease = take("k", morning);
  const key_ref key = cache_.key(0, "k");
  EXPECT_EQ(cache_.lease_valid(key, lease.nonce + 2, morning, morning), -1);
  EXPECT_EQ(cache_.lease_valid(key, lease.nonce, morning + 1, morning), -1);
  EXPECT_EQ(cache_.lease_valid(cache_.key(0, "other"), lease.nonce, morning, morning), -1);
  EXPECT_EQ(cache_.lease_valid(key, lease.nonce, morning, morning + 10 * second), -1);
}

TEST_F(lease_test, removing_the_key_voids_it) {
  const lease_result lease = take("k", morning);
  cache_.remove(cache_.key(0, "k"));
  EXPECT_EQ(fill_with(lease, "k", morning), refusal::lease);
}

TEST_F(lease_test, a_change_of_the_key_voids_it_by_its_stamp) {
  const lease_result lease = take("k", morning);
  cache_.key_stamp(cache_.key(0, "k")).changed(morning + 1, true);
  EXPECT_EQ(fill_with(lease, "k", morning), refusal::changed);
}

TEST_F(lease_test, one_that_ran_out_goes_to_the_next_and_is_void) {
  const lease_result first = take("k", morning);
  const lease_result second_one = take("k", morning + 10 * second);
  EXPECT_EQ(second_one.state, lease_state::taken);
  EXPECT_EQ(fill_with(first, "k", morning), refusal::lease);
  EXPECT_EQ(fill_with(second_one, "k", morning + 10 * second), refusal::none);
}

TEST_F(lease_test, one_given_back_goes_to_the_next) {
  const lease_result first = take("k", morning);
  cache_.release_lease(cache_.key(0, "k"), first.nonce + 2);
  EXPECT_EQ(take("k", morning).state, lease_state::wait);
  cache_.release_lease(cache_.key(0, "k"), first.nonce);
  EXPECT_EQ(take("k", morning).state, lease_state::taken);
}

TEST_F(lease_test, who_waits_may_get_what_died_lately) {
  item set(cache_, "k", "old");
  set.what.expires_at = morning + second;
  ASSERT_EQ(cache_.put(set.what, morning, guard, {}), refusal::none);
  EXPECT_EQ(take("k", morning + second, 5 * second).state, lease_state::taken);
  const lease_result stale = take("k", morning + 2 * second, 5 * second);
  EXPECT_EQ(stale.state, lease_state::stale);
  EXPECT_EQ(buffer_.substr(0, 3), "old");
  EXPECT_EQ(take("k", morning + 2 * second).state, lease_state::wait);
  EXPECT_EQ(take("k", morning + 6 * second, 5 * second).state, lease_state::wait);
}

TEST_F(lease_test, what_was_invalidated_is_given_only_to_who_wants_that) {
  ASSERT_EQ(put(cache_, "k", "old", {"user:7"}), refusal::none);
  cache_.invalidate_tag(cache_.tag(0, "user:7"), morning, true);
  EXPECT_EQ(take("k", morning + 1, 5 * second).state, lease_state::taken);
  EXPECT_EQ(take("k", morning + 1, 5 * second, false).state, lease_state::wait);
  EXPECT_EQ(take("k", morning + 1, 5 * second, true).state, lease_state::stale);
}

TEST_F(lease_test, another_invalidation_does_not_make_the_dead_younger) {
  ASSERT_EQ(put(cache_, "k", "old", {"user:7"}), refusal::none);
  cache_.invalidate_tag(cache_.tag(0, "user:7"), morning, true);
  EXPECT_EQ(take("k", morning + 1, 5 * second).state, lease_state::taken);
  cache_.invalidate_tag(cache_.tag(0, "user:7"), morning + 4 * second, true);
  EXPECT_EQ(take("k", morning + 6 * second, 5 * second).state, lease_state::wait);
}

TEST_F(lease_test, what_is_only_in_flux_is_not_stale) {
  ASSERT_EQ(put(cache_, "k", "old"), refusal::none);
  stamp& slot = cache_.key_stamp(cache_.key(0, "k"));
  slot.begin_flux();
  EXPECT_EQ(take("k", morning, 5 * second).state, lease_state::taken);
  EXPECT_EQ(take("k", morning, 5 * second).state, lease_state::wait);
  slot.end_flux();
  EXPECT_EQ(take("k", morning, 5 * second).state, lease_state::hit);
}

TEST_F(lease_test, a_buffer_that_is_too_small_takes_no_lease) {
  ASSERT_EQ(put(cache_, "k", "0123456789"), refusal::none);
  const lease_result result = take("k", morning, 0, true, 9);
  EXPECT_EQ(result.state, lease_state::buffer_too_small);
  EXPECT_EQ(result.info.value_size, 10U);
}

TEST_F(lease_test, more_leases_than_slots_only_lose_the_oldest) {
  const std::uint32_t many = cache_.shape().partitions * cache_.shape().leases_per_partition * 2;
  std::vector<lease_result> leases;
  for (std::uint32_t i = 0; i < many; i++) {
    leases.push_back(take("k" + std::to_string(i), morning));
    ASSERT_EQ(leases.back().state, lease_state::taken);
  }
  std::uint32_t filled = 0;
  for (std::uint32_t i = 0; i < many; i++) {
    const refusal why = fill_with(leases[i], "k" + std::to_string(i), morning);
    ASSERT_TRUE(why == refusal::none || why == refusal::lease);
    if (why == refusal::none) filled++;
  }
  EXPECT_GT(filled, many / 4);
  EXPECT_LE(filled, many / 2);
}

TEST_F(lease_test, purging_a_namespace_voids_its_leases_alone) {
  const lease_result mine = take("k", morning);
  const lease_result other = cache_.take_lease(cache_.key(1, "k"), reader_at(morning),
                                               {morning, morning + second}, nullptr, 0);
  cache_.purge_space(0);
  EXPECT_EQ(cache_.lease_valid(cache_.key(0, "k"), mine.nonce, morning, morning), -1);
  EXPECT_EQ(cache_.lease_valid(cache_.key(1, "k"), other.nonce, morning, morning), 0);
}

}  // namespace

// What others do to the store just before a lock is taken.
#include "interruption.hpp"
#include "store_fixture.hpp"

namespace {

using namespace stash_test;

class store_window_test : public store_fixture {};

TEST_F(store_window_test, a_budget_filled_by_another_meanwhile_is_kept) {
  space& owner = cache_.space_at(0);
  owner.max_bytes.store(20 * std::int64_t{block_size});
  for (int at = 0; at < 4; at++) {
    cache_.purge_space(0);
    for (int i = 0; i < 16; i++) put(cache_, "k" + std::to_string(i), "v");
    refusal why = refusal::none;
    interruption::run([&] { why = put(cache_, "mine", std::string(300, 'v')); },
                      [&](int lock) {
                        EXPECT_LE(owner.bytes.load(), owner.max_bytes.load());
                        if (lock != at) return;
                        for (int i = 0; i < 4; i++) put(cache_, "other" + std::to_string(i), "v");
                      });
    EXPECT_EQ(why, refusal::none);
    EXPECT_LE(owner.bytes.load(), owner.max_bytes.load()) << at;
    EXPECT_EQ(value_of(cache_, "mine"), std::string(300, 'v'));
  }
}

// A fill that passed its checks may hold the lock and be about to store the first entry there.
TEST_F(store_window_test, removing_a_prefix_waits_for_every_partition) {
  const int locks = interruption::run([&] { cache_.remove_prefix(0, "k"); }, [](int) {});
  EXPECT_GE(locks, static_cast<int>(cache_.shape().partitions));
}

}  // namespace

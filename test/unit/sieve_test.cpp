// The eviction policy by itself, on links that lie in plain vectors.
#include "store/sieve.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <set>
#include <vector>

namespace {

using stash::none;
using stash::sieve_queue;

struct node {
  std::uint32_t newer = none;
  std::uint32_t older = none;
  std::atomic<std::uint8_t> visited = 0;
};

struct links {
  std::deque<node>* nodes;
  std::uint32_t& newer(std::uint32_t id) const { return (*nodes)[id].newer; }
  std::uint32_t& older(std::uint32_t id) const { return (*nodes)[id].older; }
  std::atomic<std::uint8_t>& visited(std::uint32_t id) const { return (*nodes)[id].visited; }
};

class sieve_test : public testing::Test {
 protected:
  sieve_test() : nodes_(100), policy_(links{&nodes_}) { queue_.clear(); }

  void insert(std::initializer_list<std::uint32_t> ids) {
    for (const std::uint32_t id : ids) policy_.on_insert(queue_, id);
  }
  std::uint32_t evict() {
    const std::uint32_t id = policy_.pick_victim(queue_);
    if (id != none) policy_.on_remove(queue_, id);
    return id;
  }

  std::deque<node> nodes_;
  stash::sieve<links> policy_;
  sieve_queue queue_{};
};

TEST_F(sieve_test, an_empty_queue_has_no_victim) { EXPECT_EQ(evict(), none); }

TEST_F(sieve_test, what_nobody_read_goes_in_order_of_insertion) {
  insert({1, 2, 3});
  EXPECT_EQ(evict(), 1U);
  EXPECT_EQ(evict(), 2U);
  EXPECT_EQ(evict(), 3U);
  EXPECT_EQ(evict(), none);
  EXPECT_EQ(queue_.count, 0U);
  EXPECT_EQ(queue_.newest, none);
  EXPECT_EQ(queue_.oldest, none);
}

TEST_F(sieve_test, what_was_read_survives_one_turn_of_the_hand) {
  insert({1, 2, 3});
  policy_.on_hit(1);
  policy_.on_hit(2);
  EXPECT_EQ(evict(), 3U);
  EXPECT_EQ(evict(), 1U);
  EXPECT_EQ(evict(), 2U);
}

TEST_F(sieve_test, the_hand_goes_on_where_it_stopped) {
  insert({1, 2, 3, 4});
  policy_.on_hit(1);
  EXPECT_EQ(evict(), 2U);
  // 1 is older than the hand's place: 3 comes first, though 1's bit is clear now.
  EXPECT_EQ(evict(), 3U);
  insert({5});
  EXPECT_EQ(evict(), 4U);
  EXPECT_EQ(evict(), 5U);
  EXPECT_EQ(evict(), 1U);
}

TEST_F(sieve_test, a_queue_of_nothing_but_hits_gives_up_its_oldest) {
  insert({1, 2, 3});
  for (const std::uint32_t id : {1U, 2U, 3U}) policy_.on_hit(id);
  EXPECT_EQ(evict(), 1U);
}

TEST_F(sieve_test, the_entry_under_the_hand_may_be_removed) {
  insert({1, 2, 3});
  policy_.on_hit(1);
  EXPECT_EQ(policy_.pick_victim(queue_), 2U);
  policy_.on_remove(queue_, 2);
  EXPECT_EQ(policy_.pick_victim(queue_), 3U);
  policy_.on_remove(queue_, 3);
  EXPECT_EQ(queue_.hand, none);
  EXPECT_EQ(evict(), 1U);
}

TEST_F(sieve_test, any_order_of_work_keeps_the_queue_whole) {
  std::mt19937 random(7);
  std::set<std::uint32_t> inside;
  for (int i = 0; i < 20000; i++) {
    const std::uint32_t id = random() % 100;
    switch (random() % 4) {
      case 0:
        if (inside.insert(id).second) policy_.on_insert(queue_, id);
        break;
      case 1:
        if (inside.erase(id) > 0) policy_.on_remove(queue_, id);
        break;
      case 2:
        if (inside.contains(id)) policy_.on_hit(id);
        break;
      default:
        if (const std::uint32_t victim = evict(); victim != none)
          ASSERT_EQ(inside.erase(victim), 1U);
        else
          ASSERT_TRUE(inside.empty());
    }
    ASSERT_EQ(queue_.count, inside.size());
    std::uint32_t newer = none;
    std::size_t count = 0;
    for (std::uint32_t at = queue_.newest; at != none; at = nodes_[at].older) {
      ASSERT_EQ(nodes_[at].newer, newer);
      newer = at;
      count++;
    }
    ASSERT_EQ(count, inside.size());
    ASSERT_EQ(queue_.oldest, newer);
  }
}

}  // namespace

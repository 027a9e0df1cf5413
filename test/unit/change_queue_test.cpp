// Which keys are sent when, and what is known of the rows of the outbox that asked for it.
#include "vector/change_queue.hpp"

#include <gtest/gtest.h>

#include "vector/leaf_state.hpp"

namespace stash {
namespace {

change_ticket ticket(std::uint32_t epoch, std::uint64_t place) { return {0, epoch, place, 10}; }

class queues : public testing::Test {
 protected:
  change_queue queue;
  std::vector<std::uint64_t> settled;

  void add(const char* key, std::uint32_t epoch, std::uint64_t place) {
    queue.add(1, false, "", key, ticket(epoch, place));
  }
  std::vector<pending_key*> take(std::size_t most) {
    std::vector<pending_key*> taken;
    queue.take(1, most, &taken);
    return taken;
  }
  void done(pending_key* key) {
    queue.done(key, [&](const change_ticket& each) { settled.push_back(each.place); });
  }
};

TEST_F(queues, changes_of_a_key_are_one) {
  add("a", 1, 1);
  add("b", 1, 2);
  add("a", 2, 3);
  EXPECT_EQ(queue.keys(), 2U);
  const auto taken = take(10);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0]->key, "a");
  done(taken[0]);
  EXPECT_EQ(settled, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(queue.oldest_epoch(1), 1U);
}

TEST_F(queues, a_key_is_in_one_request_at_a_time) {
  add("a", 1, 1);
  const auto first = take(10);
  ASSERT_EQ(first.size(), 1U);
  add("a", 2, 2);
  EXPECT_TRUE(take(10).empty());
  done(first[0]);
  EXPECT_EQ(settled, std::vector<std::uint64_t>{1});
  const auto second = take(10);
  ASSERT_EQ(second.size(), 1U);
  done(second[0]);
  EXPECT_EQ(settled, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.oldest_epoch(1), UINT32_MAX);
}

TEST_F(queues, the_oldest_change_is_known_whatever_the_order) {
  const auto add_at = [&](const char* key, std::int64_t at) {
    queue.add(1, false, "", key, {0, 1, 1, at});
  };
  EXPECT_EQ(queue.oldest_at(1), 0);
  add_at("a", 30);
  add_at("b", 0);  // a job's, made at no moment
  EXPECT_EQ(queue.oldest_at(1), 30);
  add_at("c", 10);
  add_at("d", 20);
  add_at("a", 10);
  queue.add(2, false, "", "a", {0, 1, 1, 5});
  EXPECT_EQ(queue.oldest_at(1), 10);
  const auto taken = take(10);
  ASSERT_EQ(taken.size(), 4U);
  done(taken[2]);
  EXPECT_EQ(queue.oldest_at(1), 10);  // that of a
  queue.put_back(taken[0]);
  EXPECT_EQ(queue.oldest_at(1), 10);
  done(take(1)[0]);
  EXPECT_EQ(queue.oldest_at(1), 20);
  done(taken[3]);
  EXPECT_EQ(queue.oldest_at(1), 0);
  done(taken[1]);
  EXPECT_EQ(queue.oldest_at(1), 0);
}

TEST_F(queues, what_was_refused_is_tried_again_when_it_changed_before_it_is_put_back) {
  add("a", 1, 1);
  const auto taken = take(1);
  taken[0]->refused = "too long";
  queue.put_back(taken[0]);
  EXPECT_EQ(take(1)[0]->refused, "too long");
  add("a", 2, 2);
  queue.put_back(taken[0]);
  EXPECT_EQ(taken[0]->refused, "");
}

TEST_F(queues, what_failed_is_first_again) {
  add("a", 1, 1);
  add("b", 1, 2);
  auto taken = take(1);
  ASSERT_EQ(taken.size(), 1U);
  queue.put_back(taken[0]);
  taken = take(10);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0]->key, "a");
}

TEST_F(queues, tenants_syncs_and_objects_are_apart) {
  queue.add(1, true, "t", "a", ticket(1, 1));
  queue.add(1, true, "u", "a", ticket(1, 2));
  queue.add(1, false, "", "a", ticket(1, 3));
  queue.add(1, false, "", "a", ticket(1, 4), true);
  queue.add(11, false, "", "a", ticket(1, 5));
  EXPECT_EQ(queue.keys(), 5U);
  EXPECT_EQ(queue.waiting(1), 4U);
  std::size_t objects = 0;
  for (const pending_key* each : take(10)) objects += each->is_object ? 1 : 0;
  EXPECT_EQ(objects, 1U);
}

TEST_F(queues, a_forgotten_table_settles_all_that_waits) {
  add("a", 1, 1);
  add("b", 1, 2);
  queue.forget(1, [&](const change_ticket& each) { settled.push_back(each.place); });
  EXPECT_EQ(settled, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(queue.empty());
}

TEST(leaves, are_clean_when_all_that_was_read_is_settled) {
  leaf_state leaf;
  EXPECT_TRUE(leaf.clean());
  leaf.mark_read(0, 1);
  leaf.mark_read(2, 5);
  EXPECT_FALSE(leaf.clean());
  leaf.settle(leaf_state::place(0, 1), 7);
  leaf.settle(leaf_state::place(0, 1), 7);
  EXPECT_FALSE(leaf.clean());
  leaf.settle(leaf_state::place(2, 5), 8);
  EXPECT_TRUE(leaf.clean());
  EXPECT_EQ(leaf.pages(), 3U);
  EXPECT_EQ(leaf.settled_of(), (std::map<std::int32_t, std::int64_t>{{7, 1}, {8, 1}}));
}

TEST(leaves, are_not_clean_while_something_was_left) {
  leaf_state leaf;
  leaf.page(1).undecided = true;
  EXPECT_FALSE(leaf.clean());
  leaf.page(1).undecided = false;
  leaf.page(0).left = true;
  EXPECT_FALSE(leaf.clean());
  leaf.clear();
  EXPECT_TRUE(leaf.clean());
  EXPECT_EQ(leaf.pages(), 0U);
}

}  // namespace
}  // namespace stash

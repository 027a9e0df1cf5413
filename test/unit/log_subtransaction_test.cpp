// Sub-transactions that abort take their own off the log, below and above the length at which maps
// take over; and what a snapshot cannot see is known.
#include "log_fixture.hpp"

namespace {

using namespace stash_test;

class log_subtransaction_test : public log_fixture, public testing::WithParamInterface<int> {
 protected:
  // Operations that make the log as long as the case wants it.
  void lengthen(test_transaction& t) {
    for (int i = 0; i < GetParam(); i++) t.set("filler" + std::to_string(i), "f");
  }
};

INSTANTIATE_TEST_SUITE_P(length, log_subtransaction_test,
                         testing::Values(0, 13, 14, 15, 16, 17, 40));

TEST_P(log_subtransaction_test, what_an_aborted_one_did_is_undone) {
  given("removed", "r");
  given("tagged", "t", {"t"});
  auto t = begin();
  t.set("k", "outer");
  lengthen(t);
  t.subtransaction = 2;
  t.set("k", "inner");
  t.remove("removed");
  t.invalidate("t");
  t.prefix("rem");
  t.clear();
  EXPECT_TRUE(t.log.clear_pending(0));
  t.log.abort_subtransaction(2);
  t.subtransaction = 1;
  EXPECT_FALSE(t.log.any_invalidation());
  EXPECT_FALSE(t.log.clear_pending(0));
  EXPECT_FALSE(t.log.tag_pending(cache_.tag(0, "t")));
  EXPECT_EQ(t.log.tags_pending(), 0U);
  EXPECT_EQ(t.own("k"), "outer");
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(read("k"), "outer");
  EXPECT_EQ(read("removed"), "r");
  EXPECT_EQ(read("tagged"), "t");
}

TEST_P(log_subtransaction_test, children_go_with_their_parent) {
  auto t = begin();
  lengthen(t);
  t.subtransaction = 2;
  t.set("a", "2");
  t.subtransaction = 3;
  t.set("b", "3");
  t.subtransaction = 2;
  t.set("c", "2");
  t.log.abort_subtransaction(2);
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(t.own(key), std::nullopt);
  t.subtransaction = 4;
  t.set("a", "4");
  t.subtransaction = 1;
  ASSERT_TRUE(t.commit(false));
  EXPECT_EQ(read("a"), "4");
  EXPECT_EQ(read("b"), std::nullopt);
}

TEST_P(log_subtransaction_test, the_log_goes_on_after_many_aborts) {
  auto t = begin();
  t.set("k", "0");
  t.invalidate("t");
  for (std::uint32_t round = 2; round < 30; round++) {
    t.subtransaction = round;
    t.set("k", "inner");
    lengthen(t);
    t.invalidate("t");
    t.set("x", "inner", {"t"});
    t.log.abort_subtransaction(round);
    ASSERT_EQ(t.own("k"), "0");
    ASSERT_EQ(t.sight("x"), transaction_log::sight::store);
    ASSERT_TRUE(t.log.tag_pending(cache_.tag(0, "t")));
  }
  ASSERT_TRUE(t.commit(true));
  EXPECT_EQ(read("k"), "0");
}

TEST_P(log_subtransaction_test, an_invalidation_that_a_snapshot_cannot_see_is_known) {
  auto t = begin();
  lengthen(t);
  const key_ref key = cache_.key(0, "user:1");
  const item set(cache_, "user:1", "v", {"a:1"});
  const auto unseen = [&](std::uint32_t command) {
    return t.log.unseen_invalidation(key, set.what.tag_ids, command);
  };
  EXPECT_FALSE(unseen(0));
  t.remove("user:1");  // visible from command 1 on
  EXPECT_TRUE(unseen(0));
  EXPECT_FALSE(unseen(1));
  t.remove("other");
  EXPECT_FALSE(unseen(1));
  t.invalidate("a:*");  // 3
  EXPECT_TRUE(unseen(2));
  EXPECT_FALSE(unseen(3));
  t.prefix("user:");  // 4
  EXPECT_TRUE(unseen(3));
  EXPECT_FALSE(unseen(4));
  t.prefix("order:");  // 5
  EXPECT_FALSE(unseen(4));
  t.invalidate("a:*");  // 6, the same operation
  EXPECT_TRUE(unseen(5));
  t.clear();  // 7
  EXPECT_TRUE(unseen(6));
  EXPECT_FALSE(unseen(7));
}

TEST_P(log_subtransaction_test, what_the_transaction_kills_is_known_at_once) {
  auto t = begin();
  lengthen(t);
  const item set(cache_, "user:1", "v", {"a:1"});
  const auto kills = [&] { return t.log.kills(set.what.key, set.what.tag_ids); };
  EXPECT_FALSE(kills());
  t.invalidate("a:2");
  t.prefix("order:");
  EXPECT_FALSE(kills());
  t.invalidate("a:*");
  EXPECT_TRUE(kills());
  t.log.abort_subtransaction(1);
  t.prefix("user:");
  EXPECT_TRUE(kills());
  t.log.abort_subtransaction(1);
  t.clear();
  EXPECT_TRUE(kills());
}

}  // namespace

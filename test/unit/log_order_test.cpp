// The last word on a key decides, in a transaction with data and in one without.
#include "log_fixture.hpp"

namespace {

using namespace stash_test;

class log_order_test : public log_both {};

INSTANTIATE_TEST_SUITE_P(writer, log_order_test, testing::Bool());

TEST_P(log_order_test, nothing_shows_before_commit) {
  given("k", "old");
  auto t = begin();
  t.set("k", "new");
  EXPECT_EQ(read("k"), "old");
  EXPECT_EQ(t.own("k"), "new");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), "new");
}

TEST_P(log_order_test, nothing_shows_after_abort) {
  given("k", "old");
  auto t = begin();
  t.set("k", "new");
  t.remove("other");
  t.invalidate("t");
  t.prepare(writer());
  t.abort();
  EXPECT_EQ(read("k"), "old");
}

TEST_P(log_order_test, the_last_set_stands) {
  auto t = begin();
  t.set("k", "1");
  t.set("k", "2");
  t.set("other", "x");
  EXPECT_EQ(t.own("k"), "2");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), "2");
  EXPECT_EQ(read("other"), "x");
}

TEST_P(log_order_test, a_set_after_a_removal_stands) {
  given("k", "old");
  auto t = begin();
  t.remove("k");
  EXPECT_EQ(t.sight("k"), transaction_log::sight::nothing);
  t.set("k", "new");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), "new");
}

TEST_P(log_order_test, a_removal_after_a_set_stands) {
  given("k", "old");
  auto t = begin();
  t.set("k", "new");
  t.remove("k");
  EXPECT_EQ(t.own("k"), std::nullopt);
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_P(log_order_test, a_removal_stands_though_the_set_after_it_is_refused) {
  given("k", "old");
  auto t = begin();
  t.remove("k");
  t.set("k", "new", {"t"});
  cache_.tag_stamp(cache_.tag(0, "t")).changed(++clock_, true);
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_P(log_order_test, a_removal_stands_though_a_set_was_refused_when_it_was_called) {
  given("k", "old");
  auto t = begin();
  t.remove("k");
  t.refused_set("k");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_P(log_order_test, a_refused_set_deletes_only_where_data_was_written) {
  given("k", "old");
  auto t = begin();
  t.refused_set("k");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), writer() ? std::nullopt : std::optional<std::string>("old"));
}

TEST_P(log_order_test, a_set_refused_at_commit_deletes_only_where_data_was_written) {
  given("k", "old");
  auto t = begin();
  t.set("k", "new", {"t"});
  cache_.tag_stamp(cache_.tag(0, "t")).changed(++clock_, true);
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), writer() ? std::nullopt : std::optional<std::string>("old"));
}

TEST_P(log_order_test, a_tag_kills_the_set_before_it_not_the_one_after) {
  auto t = begin();
  t.set("before", "1", {"user:1"});
  t.invalidate("user:1");
  t.set("after", "2", {"user:1"});
  EXPECT_EQ(t.own("before"), std::nullopt);
  EXPECT_EQ(t.own("after"), "2");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("before"), std::nullopt);
  EXPECT_EQ(read("after"), "2");
}

TEST_P(log_order_test, a_tag_named_again_kills_what_was_set_in_between) {
  auto t = begin();
  t.invalidate("t");
  t.set("k", "1", {"t"});
  t.invalidate("t");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_P(log_order_test, a_tag_named_often_is_kept_once) {
  auto t = begin();
  for (int i = 0; i < 1000; i++) t.invalidate("t" + std::to_string(i % 10));
  EXPECT_EQ(t.log.size(), 10U);
  EXPECT_EQ(t.log.tags_pending(), 10U);
}

TEST_P(log_order_test, a_class_kills_by_the_ids_that_a_set_carries) {
  given("stored", "0", {"user:5"});
  auto t = begin();
  t.set("k", "1", {"user:7"});
  t.invalidate("user:*");
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("k"), std::nullopt);
  EXPECT_EQ(read("stored"), std::nullopt);
}

TEST_P(log_order_test, prefix_and_clear_kill_what_came_before_them) {
  given("user:old", "0");
  given("order", "0");
  auto t = begin();
  t.set("user:1", "1");
  t.prefix("user:");
  t.set("user:2", "2");
  EXPECT_EQ(t.own("user:1"), std::nullopt);
  ASSERT_TRUE(t.commit(writer()));
  EXPECT_EQ(read("user:old"), std::nullopt);
  EXPECT_EQ(read("user:1"), std::nullopt);
  EXPECT_EQ(read("user:2"), "2");
  EXPECT_EQ(read("order"), "0");

  auto u = begin();
  u.set("a", "1");
  u.clear();
  u.set("b", "2");
  ASSERT_TRUE(u.commit(writer()));
  for (const char* gone : {"a", "order", "user:2"}) EXPECT_EQ(read(gone), std::nullopt) << gone;
  EXPECT_EQ(read("b"), "2");
}

TEST_P(log_order_test, a_touch_moves_the_end_of_its_own_set_and_of_what_is_stored) {
  given("stored", "s");
  auto t = begin();
  t.set("own", "o");
  t.log.add_touch(cache_.key(0, "own"), 1, clock_ + 100);
  t.log.add_touch(cache_.key(0, "stored"), 1, clock_ + 100);
  t.log.add_touch(cache_.key(0, "nobody"), 1, clock_ + 100);
  ASSERT_TRUE(t.commit(writer()));
  for (const char* key : {"own", "stored"}) {
    EXPECT_TRUE(value_of(cache_, key, reader_at(clock_ + 50)).has_value()) << key;
    EXPECT_FALSE(value_of(cache_, key, reader_at(clock_ + 100)).has_value()) << key;
  }
}

TEST_P(log_order_test, removing_a_key_takes_pending_values_of_single_roles_along) {
  auto t = begin();
  item role(cache_, std::string("k\0abcd", 1 + role_key_suffix), "mine", {}, t.began());
  role.what.key.hash = cache_.key(0, "k").hash;
  t.log.add_set(role.what, 1, any_version);
  t.remove("k");
  const pending* found = nullptr;
  EXPECT_EQ(t.log.look(role.what.key, &found), transaction_log::sight::nothing);
  ASSERT_TRUE(t.commit(writer()));
  char buffer[10];
  EXPECT_EQ(cache_.read(role.what.key, reader_at(clock_), buffer, 10).state, read_state::miss);
}

// The same as a model says, with long logs, where maps take over from looking.
TEST_P(log_order_test, a_long_log_does_what_its_model_does) {
  std::srand(5);
  for (int round = 0; round < 200; round++) {
    std::map<std::string, std::string> model;
    for (int i = 0; i < 6; i++) {
      given("k" + std::to_string(i), "given", {"t" + std::to_string(i % 2)});
      model["k" + std::to_string(i)] = "given";
    }
    std::map<std::string, int> tag_of;
    for (int i = 0; i < 6; i++) tag_of["k" + std::to_string(i)] = i % 2;
    auto t = begin();
    const int length = 1 + std::rand() % 60;
    for (int i = 0; i < length; i++) {
      const std::string key = "k" + std::to_string(std::rand() % 6);
      const int tag = std::rand() % 2;
      switch (std::rand() % 6) {
        case 0:
          t.remove(key);
          model.erase(key);
          break;
        case 1:
          t.invalidate("t" + std::to_string(tag));
          std::erase_if(model, [&](const auto& e) { return tag_of[e.first] == tag; });
          break;
        case 2:
          if (std::rand() % 10 == 0) {
            t.prefix("k1");
            model.erase("k1");
          }
          break;
        default:
          t.set(key, std::to_string(i), {"t" + std::to_string(tag)});
          model[key] = std::to_string(i);
          tag_of[key] = tag;
      }
    }
    ASSERT_TRUE(t.commit(writer()));
    for (int i = 0; i < 6; i++) {
      const std::string key = "k" + std::to_string(i);
      const auto expected = model.find(key);
      ASSERT_EQ(read(key), expected == model.end() ? std::nullopt
                                                   : std::optional<std::string>(expected->second))
          << "round " << round << " " << key;
    }
    if (round % 20 == 0) {
      ASSERT_TRUE(is_whole(cache_));
    }
  }
}

}  // namespace

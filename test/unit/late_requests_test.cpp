// How long keys are held whose request may still be carried out, and which are sent once more.
#include "vector/late_requests.hpp"

#include <gtest/gtest.h>

namespace stash {
namespace {

constexpr std::int64_t second = 1'000'000;

class late : public testing::Test {
 protected:
  change_queue queue;
  late_requests requests;
  std::vector<std::string> again;

  std::vector<pending_key*> fly(std::int32_t sync, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) queue.add(sync, false, "", key, {0, 1, 1, 10});
    std::vector<pending_key*> taken;
    queue.take(sync, 100, &taken);
    return taken;
  }
  void ask(std::int64_t now, once_more what = once_more::sent) {
    again.clear();
    requests.send_once_more(now, [&](const remembered_key& key) {
      again.push_back(key.key);
      return what;
    });
  }
};

TEST_F(late, keys_are_held_as_long_again_as_the_request_lasted) {
  requests.hold(1, fly(1, {"a", "b"}), 100 * second, 30 * second, 60 * second);
  EXPECT_EQ(requests.held(1), 1U);
  EXPECT_EQ(requests.held(2), 0U);
  EXPECT_EQ(requests.next(), 130 * second);
  EXPECT_TRUE(requests.take_over(130 * second - 1).empty());
  const auto over = requests.take_over(130 * second);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_TRUE(requests.remembers(1));
  EXPECT_FALSE(requests.remembers(2));
  EXPECT_EQ(over[0].sync, 1);
  EXPECT_EQ(over[0].keys.size(), 2U);
  EXPECT_EQ(requests.held(), 0U);
  EXPECT_EQ(requests.next(), INT64_MAX);
}

TEST_F(late, and_for_a_while_when_it_ended_at_once) {
  requests.hold(1, fly(1, {"a"}), 0, 10, 60 * second);
  EXPECT_EQ(requests.next(), late_requests::shortest_us);
}

TEST_F(late, one_does_not_wait_for_another) {
  requests.hold(1, fly(1, {"a"}), 0, 50 * second, 60 * second);
  requests.hold(2, fly(2, {"b"}), 0, 0, 60 * second);
  const auto over = requests.take_over(3 * second);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over[0].keys[0]->key, "b");
  EXPECT_EQ(requests.held(1), 1U);
}

TEST_F(late, a_held_key_is_in_no_other_request_and_takes_what_changes_meanwhile) {
  requests.hold(1, fly(1, {"a"}), 0, 0, 0);
  queue.add(1, false, "", "a", {0, 2, 2, 10});
  std::vector<pending_key*> taken;
  queue.take(1, 100, &taken);
  EXPECT_TRUE(taken.empty());
  const auto over = requests.take_over(INT64_MAX - 1);
  for (pending_key* key : over[0].keys) queue.put_back(key);
  queue.take(1, 100, &taken);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0]->flying.size(), 2U);
}

TEST_F(late, its_keys_are_sent_once_more) {
  requests.hold(1, fly(1, {"a", "b"}), 0, 30 * second, 60 * second);
  ask(90 * second - 1);
  EXPECT_TRUE(again.empty());
  ask(90 * second, once_more::not_now);
  EXPECT_EQ(again, (std::vector<std::string>{"a", "b"}));
  ask(91 * second);
  EXPECT_EQ(again, (std::vector<std::string>{"a", "b"}));
  ask(92 * second);
  EXPECT_TRUE(again.empty());
}

TEST_F(late, and_again_after_twice_as_long_each_time_until_they_are_forgotten) {
  requests.hold(1, fly(1, {"a"}), 0, 0, 60 * second);
  std::vector<std::int64_t> sent;
  for (std::int64_t now = 0; now < 2 * late_requests::longest_memory_us; now += second) {
    ask(now);
    if (!again.empty()) sent.push_back(now / second);
  }
  EXPECT_EQ(sent, (std::vector<std::int64_t>{62, 62 + 120, 62 + 120 + 240}));
  EXPECT_EQ(requests.remembered(), 0U);
}

TEST_F(late, and_soon_after_the_server_is_well_again_besides) {
  requests.hold(1, fly(1, {"a"}), 0, 0, 60 * second);
  requests.expect_soon(10 * second);
  ask(12 * second - 1);
  EXPECT_TRUE(again.empty());
  ask(12 * second, once_more::not_now);
  EXPECT_EQ(again.size(), 1U);
  ask(13 * second);
  EXPECT_EQ(again.size(), 1U);
  ask(62 * second - 1);
  EXPECT_TRUE(again.empty());
  ask(62 * second);
  EXPECT_EQ(again.size(), 1U);
}

TEST_F(late, what_is_nobodys_any_more_is_forgotten) {
  requests.hold(1, fly(1, {"a"}), 0, 0, 60 * second);
  ask(62 * second, once_more::never);
  EXPECT_EQ(again.size(), 1U);
  EXPECT_EQ(requests.remembered(), 0U);
}

TEST_F(late, a_key_that_is_late_again_is_remembered_from_then) {
  requests.hold(1, fly(1, {"a"}), 0, 0, 60 * second);
  const auto over = requests.take_over(2 * second);
  for (pending_key* key : over[0].keys) queue.put_back(key);
  requests.hold(1, fly(1, {}), 50 * second, 0, 60 * second);
  EXPECT_EQ(requests.remembered(), 1U);
  ask(100 * second);
  EXPECT_TRUE(again.empty());
  ask(112 * second);
  EXPECT_EQ(again.size(), 1U);
}

TEST_F(late, memory_has_its_limit) {
  for (int request = 0; request < 3; request++) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < 10'000; i++)
      keys.push_back(std::to_string(request) + "/" + std::to_string(i));
    for (const std::string& key : keys) queue.add(request, false, "", key, {0, 1, 1, 10});
    std::vector<pending_key*> taken;
    queue.take(request, keys.size(), &taken);
    requests.hold(request, taken, 0, 0, 0);
  }
  EXPECT_EQ(requests.held(), 3U);
  EXPECT_EQ(requests.remembered(), late_requests::most_remembered);
}

TEST_F(late, objects_that_are_nobodys_are_held_and_not_remembered) {
  queue.add(1, false, "", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", {0, 1, 1, 10}, true);
  std::vector<pending_key*> taken;
  queue.take(1, 100, &taken);
  requests.hold(1, taken, 0, 0, 0);
  EXPECT_EQ(requests.held(), 1U);
  EXPECT_EQ(requests.remembered(), 0U);
}

}  // namespace
}  // namespace stash

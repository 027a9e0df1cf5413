// A namespace's budget is a hard cap, also while many threads fill it, and concerns nobody else.
#include "store_fixture.hpp"

#include <atomic>
#include <random>
#include <thread>

namespace {

using namespace stash_test;

class budget_test : public store_fixture {
 protected:
  std::int64_t bytes(space_index space = 0) { return cache_.space_at(space).bytes.load(); }
  void limit(std::int64_t to) { cache_.space_at(0).max_bytes.store(to); }
};

TEST_F(budget_test, a_namespace_stays_within_its_budget_and_uses_it) {
  limit(50000);
  for (int i = 0; i < 2000; i++) {
    ASSERT_EQ(put(cache_, "k" + std::to_string(i), std::string(i % 900, 'v')), refusal::none);
    ASSERT_LE(bytes(), 50000);
  }
  EXPECT_GT(bytes(), 45000);
}

TEST_F(budget_test, others_are_left_alone) {
  for (int i = 0; i < 100; i++) put(cache_, "k" + std::to_string(i), "v", {}, morning, 1);
  limit(5000);
  for (int i = 0; i < 500; i++) put(cache_, "k" + std::to_string(i), "value");
  EXPECT_EQ(cache_.space_at(1).entries.load(), 100);
}

TEST_F(budget_test, what_is_larger_than_the_budget_evicts_nobody) {
  limit(5000);
  put(cache_, "small", "v");
  put(cache_, "large", "old");
  EXPECT_EQ(put(cache_, "large", std::string(6000, 'v')), refusal::no_room);
  EXPECT_EQ(value_of(cache_, "small"), "v");
  // What stood there was to be replaced: it is forgotten.
  EXPECT_EQ(value_of(cache_, "large"), std::nullopt);
}

TEST_F(budget_test, replacing_a_value_in_a_full_namespace_evicts_nobody) {
  for (int i = 0; i < 40; i++) put(cache_, "k" + std::to_string(i), std::string(200, 'v'));
  limit(bytes());
  for (int i = 0; i < 40; i++)
    ASSERT_EQ(put(cache_, "k" + std::to_string(i), std::string(200, 'w')), refusal::none);
  EXPECT_EQ(cache_.counted(0, event::eviction), 0U);
  EXPECT_EQ(cache_.space_at(0).entries.load(), 40);
}

TEST_F(budget_test, a_refused_set_evicts_nobody) {
  for (int i = 0; i < 40; i++) put(cache_, "k" + std::to_string(i), std::string(200, 'v'));
  limit(bytes());
  cache_.key_stamp(cache_.key(0, "new")).changed(morning, true);
  EXPECT_EQ(put(cache_, "new", std::string(2000, 'w')), refusal::changed);
  EXPECT_EQ(cache_.space_at(0).entries.load(), 40);
}

TEST_F(budget_test, a_smaller_budget_is_met_by_the_next_set) {
  for (int i = 0; i < 100; i++) put(cache_, "k" + std::to_string(i), std::string(200, 'v'));
  limit(bytes() / 2);
  put(cache_, "next", "v");
  EXPECT_LE(bytes(), cache_.space_at(0).max_bytes.load());
}

TEST_F(budget_test, threads_cannot_break_it) {
  constexpr std::int64_t cap = 20000;
  limit(cap);
  std::atomic<bool> stop = false;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      store mine = memory_.open();
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 5000; i++) {
        const std::string key = "k" + std::to_string(random() % 500);
        if (random() % 10 == 0)
          mine.add(mine.key(0, "n" + key), 1, morning, never, false);
        else if (put(mine, key, std::string(random() % 700, 'v'), {"t:" + key}) != refusal::none)
          refused++;
      }
    });
  // What is there, counted with the locks: what a set has asked for may pass the cap for a moment.
  std::thread watcher([&] {
    store mine = memory_.open();
    while (!stop) {
      const store::usage usage = mine.measure();
      ASSERT_GE(usage.bytes_capped, usage.bytes_used);
    }
  });
  for (auto& thread : threads) thread.join();
  stop = true;
  watcher.join();
  EXPECT_EQ(refused, 0);
  EXPECT_LE(bytes(), cap);
}

}  // namespace

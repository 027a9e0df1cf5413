// The log's own memory: bytes that stay where they are, and the index of long transactions.
#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

#include "log_fixture.hpp"

namespace stash_test {
namespace {

TEST(byte_arena, keeps_what_it_was_given) {
  byte_arena arena;
  std::vector<std::pair<const char*, std::string>> kept;
  for (std::size_t size : {0, 1, 100, 70'000, 5, 300'000, 65'536, 65'535, 2}) {
    const std::string first(size, 'a');
    const std::string second = "of " + std::to_string(size);
    kept.emplace_back(arena.keep(first, second), first + second);
  }
  for (const auto& [at, text] : kept) EXPECT_EQ(std::string_view(at, text.size()), text);
}

TEST(byte_arena, gives_back_what_a_usual_transaction_does_not_need) {
  byte_arena arena;
  const std::string large(1 << 20, 'x');
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 20; i++) arena.keep(large);
    EXPECT_GE(arena.held(), 20 * large.size());
    arena.clear();
    EXPECT_LE(arena.held(), byte_arena::most_kept);
  }
  for (int i = 0; i < 100; i++) arena.keep(std::string(1000, 'y'));
  const std::size_t held = arena.held();
  for (int round = 0; round < 100; round++) {
    arena.clear();
    for (int i = 0; i < 100; i++) arena.keep(std::string(1000, 'y'));
  }
  EXPECT_EQ(arena.held(), held) << "the same work over and over takes no more";
}

// Against a plain map, with operations taken back in reverse order as sub-transactions do.
TEST(operation_index, finds_the_last_of_each_key_and_forgets_in_reverse) {
  std::mt19937 random(7);
  std::vector<std::size_t> log;
  std::vector<std::uint32_t> previous;
  operation_index index;
  index.reset(1);
  const auto same = [&](std::size_t key) {
    return [&log, key](std::uint32_t at) { return log[at] == key; };
  };
  // All keys fall on few slots.
  const auto hash = [](std::size_t key) { return key % 8; };
  const auto check = [&] {
    std::unordered_map<std::size_t, std::uint32_t> expected;
    for (std::uint32_t i = 0; i < log.size(); i++) expected[log[i]] = i;
    for (std::size_t key = 0; key < 60; key++) {
      const auto found = expected.find(key);
      ASSERT_EQ(index.find(hash(key), same(key)), found == expected.end() ? none : found->second);
    }
  };
  for (int step = 0; step < 3000; step++) {
    if (random() % 5 != 0 || log.empty()) {
      if (index.full()) {
        index.reset(log.size() + 1);
        for (std::uint32_t i = 0; i < log.size(); i++) index.set(hash(log[i]), i, same(log[i]));
      }
      const std::size_t key = random() % 60;
      previous.push_back(index.find(hash(key), same(key)));
      log.push_back(key);
      index.set(hash(key), static_cast<std::uint32_t>(log.size() - 1), same(key));
    } else {
      for (std::size_t count = random() % log.size() + 1; count > 0; count--) {
        index.take_back(hash(log.back()), previous.back(), same(log.back()));
        log.pop_back();
        previous.pop_back();
      }
    }
    check();
  }
}

class log_memory_test : public log_fixture {};

// The same long transaction in many orders: what the store holds in the end is what the last
// operation on each key says.
TEST_F(log_memory_test, the_last_operation_on_a_key_decides_in_long_transactions) {
  std::mt19937 random(11);
  for (int round = 0; round < 40; round++) {
    test_transaction mine = begin();
    std::unordered_map<std::string, std::string> expected;
    std::vector<std::unordered_map<std::string, std::string>> outer;
    for (int i = 0; i < 300; i++) {
      const std::string key = "key " + std::to_string(random() % 90);
      if (random() % 4 == 0) {
        mine.remove(key);
        expected[key] = "";
      } else {
        const std::string value = std::to_string(round) + "/" + std::to_string(i);
        mine.set(key, value);
        expected[key] = value;
      }
      if (random() % 40 == 0) {
        outer.push_back(expected);
        mine.subtransaction++;
      } else if (random() % 40 == 0 && !outer.empty()) {
        mine.log.abort_subtransaction(mine.subtransaction--);
        expected = outer.back();
        outer.pop_back();
      }
    }
    ASSERT_TRUE(mine.commit(true));
    for (const auto& [key, value] : expected)
      ASSERT_EQ(read(key).value_or(""), value) << "round " << round << ", " << key;
  }
}

}  // namespace
}  // namespace stash_test

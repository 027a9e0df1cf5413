// Many sessions on one store and one model database: nobody is ever given what was acknowledged to
// be out of date, and a snapshot never sees what it could not compute.
#include "simulated_session.hpp"
#include "store_fixture.hpp"

namespace {

using namespace stash_test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int steps = 4000;
#else
constexpr int steps = 25000;
#endif

class staleness_test : public testing::TestWithParam<std::size_t> {};

// With room for everything, with room for little, and with constant eviction.
INSTANTIATE_TEST_SUITE_P(memory, staleness_test, testing::Values(8 << 20, 700 << 10, 400 << 10));

TEST_P(staleness_test, no_reader_is_given_what_was_replaced) {
  segment memory(GetParam(), 4096, 4);
  model_database database;
  std::vector<std::unique_ptr<simulated_session>> sessions;
  for (std::uint32_t i = 1; i <= 6; i++)
    sessions.push_back(std::make_unique<simulated_session>(memory, database, i));
  std::vector<std::thread> threads;
  for (auto& session : sessions) threads.emplace_back([&session] { session->work(steps); });
  for (auto& thread : threads) thread.join();

  int hits = 0;
  int stored = 0;
  for (const auto& session : sessions) {
    hits += session->hits;
    stored += session->stored;
    EXPECT_EQ(session->stale, 0);
    EXPECT_EQ(session->mismatches, 0);
  }
  // A cache that refuses everything would pass, too.
  EXPECT_GT(hits, steps / 20);
  EXPECT_GT(stored, steps / 20);
  store cache = memory.open();
  EXPECT_TRUE(is_whole(cache));
  std::printf("%d hits, %d stored, %llu evicted\n", hits, stored,
              static_cast<unsigned long long>(cache.counted(0, event::eviction)));
}

}  // namespace

// The pool: order, deadlines, limits, the life of connections, figures.
#include "server.hpp"

namespace {

using namespace test;

bool waits(stash::pool& pool, std::size_t count) {
  return eventually([&] { return pool.statistics().waiting == count; });
}

TEST(pool, options_that_cannot_be) {
  EXPECT_THROW(stash::pool({.max_size = 0}), stash::usage_error);
  EXPECT_THROW(stash::pool({.min_size = 2, .max_size = 1}), stash::usage_error);
  EXPECT_THROW(stash::pool({.conninfo = "host=/nowhere", .min_size = 1}), stash::connection_error);
  EXPECT_THROW(stash::pool({.conninfo = "no conninfo", .min_size = 1}), stash::connection_error);
}

TEST(pool, grows_when_needed_and_reuses) {
  stash::pool pool({.min_size = 1, .max_size = 3});
  EXPECT_EQ(pool.statistics().open, 1u);
  int process = 0;
  {
    const auto one = pool.acquire();
    process = one->server_process();
    const auto two = pool.acquire();
    EXPECT_EQ(pool.statistics().on_loan, 2u);
  }
  EXPECT_EQ(pool.statistics().idle, 2u);
  EXPECT_EQ(pool.statistics().created, 2u);
  EXPECT_EQ(pool.acquire()->server_process(), process);
}

TEST(pool, first_come_first_served) {
  stash::pool pool(options(1));
  auto held = pool.acquire();
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&, i] {
      const auto mine = pool.acquire();
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
    EXPECT_TRUE(waits(pool, static_cast<std::size_t>(i) + 1));
  }
  EXPECT_FALSE(pool.try_acquire().has_value());
  held.release();
  for (auto& each : threads) each.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  const auto figures = pool.statistics();
  EXPECT_EQ(figures.waited, 8u);
  EXPECT_EQ(figures.most_waiting, 8u);
  EXPECT_GT(figures.wait_longest.count(), 0);
}

TEST(pool, a_thread_in_a_loop_keeps_its_turn_and_no_longer) {
  for (const auto turn : {1000us, 0us}) {
    stash::pool pool({.max_size = 1, .turn = turn});
    std::atomic<bool> stop = false, served = false;
    std::thread loop([&] {
      while (!stop) (void)pool.acquire()->usable();
    });
    std::thread other([&] {
      for (int i = 0; i < 20; i++) (void)pool.acquire_for(10s)->execute("SELECT 1");
      served = true;
    });
    other.join();
    stop = true;
    loop.join();
    EXPECT_TRUE(served);
    // One that gives back and does not come again keeps nobody waiting.
    std::optional<stash::pooled_connection> mine;
    for (int i = 0; i < 3; i++) {
      mine.reset();
      mine = pool.acquire();
    }
    std::thread last([&] { (void)pool.acquire_for(10s); });
    EXPECT_TRUE(waits(pool, 1));
    mine.reset();
    last.join();
    EXPECT_EQ(pool.statistics().idle, 1u);
  }
}

TEST(pool, waiting_has_a_deadline) {
  stash::pool pool(options(1));
  const auto held = pool.acquire();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW((void)pool.acquire_for(100ms), stash::timeout_error);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 100ms);
  EXPECT_FALSE(pool.try_acquire().has_value());
  EXPECT_EQ(pool.statistics().timeouts, 1u);
  EXPECT_EQ(pool.statistics().waiting, 0u);
  EXPECT_FALSE(pool.recommendations().empty());
}

// Whoever gives up in the middle of the line leaves the others in their order.
TEST(pool, first_come_first_served_when_some_give_up) {
  stash::pool pool(options(1));
  auto held = pool.acquire();
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; i++) {
    threads.emplace_back([&, i] {
      if (i % 2 == 1) {
        EXPECT_THROW((void)pool.acquire_for(2s), stash::timeout_error);
        return;
      }
      const auto mine = pool.acquire();
      const std::lock_guard lock(mutex);
      order.push_back(i);
    });
    EXPECT_TRUE(waits(pool, static_cast<std::size_t>(i) + 1));
  }
  EXPECT_TRUE(waits(pool, 3));
  EXPECT_EQ(pool.statistics().timeouts, 3u);
  held.release();
  for (auto& each : threads) each.join();
  EXPECT_EQ(order, (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(pool.statistics().on_loan, 0u);
}

TEST(pool, replaces_a_killed_connection_that_was_idle) {
  stash::pool pool({.max_size = 1, .check_after = 0ms});
  const int process = pool.acquire()->server_process();
  kill_process(process);
  const auto on = pool.acquire();
  EXPECT_NE(on->server_process(), process);
  EXPECT_EQ(on->execute("SELECT 1").integer(0, 0), 1);
  EXPECT_EQ(pool.statistics().closed_broken, 1u);
}

TEST(pool, one_broken_connection_makes_it_ask_the_others) {
  stash::pool pool(options(3));
  auto broken = pool.acquire();
  {
    const auto two = pool.acquire(), three = pool.acquire();
    for (const int each :
         {broken->server_process(), two->server_process(), three->server_process()})
      kill_process(each);
  }
  EXPECT_EQ(pool.statistics().idle, 2u);  // nobody knows about them yet
  EXPECT_THROW(broken->execute("SELECT 1"), stash::error);
  broken.release();
  const auto one = pool.acquire(), two = pool.acquire(), three = pool.acquire();
  for (const auto* each : {&one, &two, &three})
    EXPECT_EQ((*each)->execute("SELECT 1").integer(0, 0), 1);
}

TEST(pool, replaces_a_connection_left_in_a_transaction) {
  stash::pool pool(options(1));
  int process = 0;
  {
    const auto on = pool.acquire();
    process = on->server_process();
    on->command("BEGIN");
  }
  EXPECT_NE(pool.acquire()->server_process(), process);
  {
    auto on = pool.acquire();
    process = on->server_process();
    on.discard();
  }
  EXPECT_NE(pool.acquire()->server_process(), process);
}

TEST(pool, replaces_old_connections) {
  stash::pool pool({.max_size = 1, .max_lifetime = 200ms});
  const int process = pool.acquire()->server_process();
  EXPECT_EQ(pool.acquire()->server_process(), process);
  std::this_thread::sleep_for(250ms);
  EXPECT_NE(pool.acquire()->server_process(), process);
  EXPECT_EQ(pool.statistics().closed_old, 1u);
}

TEST(pool, closes_idle_connections_down_to_the_minimum) {
  stash::pool pool({.min_size = 1, .max_size = 3, .idle_timeout = 100ms});
  { const auto one = pool.acquire(), two = pool.acquire(), three = pool.acquire(); }
  EXPECT_TRUE(eventually([&] { return pool.statistics().open == 1; }));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(pool.statistics().open, 1u);
  EXPECT_EQ(pool.statistics().closed_idle, 2u);
}

TEST(pool, closes_idle_connections_when_told) {
  stash::pool pool(options(3));
  { const auto one = pool.acquire(), two = pool.acquire(); }
  EXPECT_EQ(pool.terminate_idle(1h), 0u);
  EXPECT_EQ(pool.terminate_idle(0ms), 2u);
  EXPECT_EQ(pool.statistics().open, 0u);
}

TEST(pool, looks_after_its_health) {
  stash::pool pool(options(2));
  int process = 0;
  {
    const auto one = pool.acquire(), two = pool.acquire();
    process = one->server_process();
  }
  EXPECT_EQ(pool.check_health(), 0u);
  kill_process(process);
  EXPECT_EQ(pool.check_health(), 1u);
  EXPECT_EQ(pool.statistics().open, 1u);
  EXPECT_EQ(pool.statistics().on_loan, 0u);
}

TEST(pool, resizes_under_load) {
  stash::pool pool(options(1));
  auto held = pool.acquire();
  std::thread other([&] { EXPECT_EQ(pool.acquire()->execute("SELECT 1").integer(0, 0), 1); });
  EXPECT_TRUE(waits(pool, 1));
  pool.resize(0, 2);
  other.join();
  auto two = pool.acquire();
  pool.resize(0, 1);
  held.release();
  EXPECT_EQ(pool.statistics().open, 1u);
  two.release();
  EXPECT_EQ(pool.statistics().open, 1u);
  EXPECT_THROW(pool.resize(2, 1), stash::usage_error);
  pool.resize(1, 3);
}

TEST(pool, keeps_its_minimum) {
  stash::pool pool({.min_size = 2, .max_size = 4, .idle_timeout = 100ms});
  EXPECT_EQ(pool.terminate_idle(0ms), 2u);
  EXPECT_TRUE(eventually([&] { return pool.statistics().idle == 2; }));
}

TEST(pool, close_turns_waiters_away) {
  stash::pool pool(options(1));
  auto held = pool.acquire();
  std::thread other([&] { EXPECT_THROW((void)pool.acquire(), stash::usage_error); });
  EXPECT_TRUE(waits(pool, 1));
  pool.close();
  other.join();
  EXPECT_THROW((void)pool.acquire(), stash::usage_error);
  EXPECT_EQ(held->execute("SELECT 1").integer(0, 0), 1);
  EXPECT_FALSE(pool.drain(50ms));
  std::thread giver([&] {
    std::this_thread::sleep_for(50ms);
    held.release();
  });
  EXPECT_TRUE(pool.drain(10s));
  giver.join();
  EXPECT_EQ(pool.statistics().open, 0u);
}

TEST(pool, handles_may_outlive_it) {
  std::optional<stash::pooled_connection> held;
  {
    stash::pool pool(options());
    held = pool.acquire();
  }
  EXPECT_EQ((*held)->execute("SELECT 1").integer(0, 0), 1);
  auto moved = std::move(*held);
  held.reset();
  moved.release();
}

TEST(pool, reports_leaks_and_holders) {
  std::mutex mutex;
  std::vector<std::string> warnings;
  stash::pool pool({.max_size = 2, .leak_after = 100ms, .on_warning = [&](const std::string& line) {
                      const std::lock_guard lock(mutex);
                      warnings.push_back(line);
                    }});
  const auto held = pool.acquire();
  const unsigned line = __LINE__ - 1;
  const auto holders = pool.holders();
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].server_process, held->server_process());
  EXPECT_EQ(holders[0].where.line(), line);
  EXPECT_EQ(holders[0].thread, std::this_thread::get_id());
  EXPECT_TRUE(eventually([&] { return pool.statistics().leaks_reported == 1; }));
  std::this_thread::sleep_for(200ms);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("pool_test.cpp:" + std::to_string(line)), std::string::npos);
}

TEST(pool, calls_back_for_new_connections) {
  stash::pool pool({.max_size = 1, .on_connect = [](stash::connection& on) {
                      on.command("SET application_name = 'mine'");
                    }});
  EXPECT_EQ(pool.acquire()->execute("SHOW application_name").text(0, 0), "mine");
}

TEST(pool, many_threads_on_few_connections) {
  stash::pool pool(options(4));
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; i++)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 50; n++) {
        auto on = pool.acquire();
        EXPECT_EQ(on->execute("SELECT $1", stash::parameters().add(std::int32_t{n})).integer(0, 0),
                  n);
        if (i == 0 && n % 10 == 9) on.discard();
        if (i == 1 && n % 10 == 9) pool.resize(0, n % 20 == 9 ? 2 : 4);
        if (i == 2) (void)pool.statistics();
        if (i == 3) (void)pool.holders();
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(pool.statistics().acquired, 16u * 50u);
  EXPECT_EQ(pool.statistics().on_loan, 0u);
  EXPECT_LE(pool.statistics().open, 4u);
}

}  // namespace

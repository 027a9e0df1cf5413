// The pool for coroutines: its line, limits and figures, connections and tasks that end early.
#include <map>

#include "async_fixture.hpp"

namespace {

using namespace test;
using stash::failure_kind;

class async_pool : public with_async_client<own_loop> {};

TEST_F(async_pool, first_come_first_served_with_deadlines) {
  stash::async::client one(loop, few(1));
  std::optional<stash::async::lease> held = run(one.connections().acquire());
  EXPECT_THROW((void)run(one.within(50ms).execute("SELECT 1")), stash::timeout_error);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW((void)run(one.stopped_by(stop.get_token()).execute("SELECT 1")),
               stash::cancelled_error);
  EXPECT_EQ(one.connections().statistics().waiting, 0u);
  std::vector<int> order;
  for (int i = 0; i < 5; i++)
    loop.spawn([](auto& client, auto& seen, int number) -> task<void> {
      (void)co_await client.execute("SELECT 1");
      seen.push_back(number);
    }(one, order, i));
  run(stash::async::sleep_for(loop, 50ms));
  EXPECT_EQ(one.connections().statistics().waiting, 5u);
  EXPECT_EQ(one.connections().holders().size(), 1u);
  held.reset();
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(one.connections().statistics().timeouts, 1u);
  EXPECT_EQ(one.connections().recommendations().size(), 1u);
}

TEST_F(async_pool, closes_and_turns_away) {
  stash::async::client one(loop, few(1));
  auto held = run(one.connections().acquire());
  std::optional<failure_kind> heard;
  loop.spawn([](auto& client, auto& kind) -> task<void> {
    const auto rows = co_await client.nothrow().execute("SELECT 1");
    kind = rows.error().kind();
  }(one, heard));
  run(stash::async::sleep_for(loop, 20ms));
  one.connections().close();
  loop.run();
  EXPECT_EQ(heard, failure_kind::usage);
  EXPECT_EQ(run(held->execute("SELECT 1")).integer(0, 0), 1);
  held.release();
  EXPECT_EQ(one.connections().statistics().open, 0u);
  EXPECT_THROW((void)run(one.execute("SELECT 1")), stash::usage_error);
  EXPECT_THROW(stash::async::pool(loop, few(0)), stash::usage_error);
}

TEST_F(async_pool, resizes_and_ends_what_rests) {
  stash::async::pool pool(loop, few(1));
  auto held = run(pool.acquire());
  bool served = false;
  loop.spawn([](auto& from, bool& flag) -> task<void> {
    const auto mine = co_await from.acquire();
    flag = true;
  }(pool, served));
  run(stash::async::sleep_for(loop, 20ms));
  EXPECT_FALSE(served);
  pool.resize(0, 2);
  loop.run();
  EXPECT_TRUE(served);
  pool.resize(0, 1);
  EXPECT_EQ(pool.statistics().open, 1u);
  held.release();
  EXPECT_EQ(pool.terminate_idle(1h), 0u);
  EXPECT_EQ(pool.terminate_idle(0ms), 1u);
  auto options = few(2);
  options.idle_timeout = 50ms;
  stash::async::pool shortly(loop, options);
  run(shortly.acquire()).release();
  EXPECT_EQ(shortly.statistics().idle, 1u);
  run(stash::async::sleep_for(loop, 200ms));
  EXPECT_EQ(shortly.statistics().open, 0u);
}

TEST_F(async_pool, keeps_its_minimum) {
  auto options = few(3);
  options.min_size = 2;
  options.idle_timeout = 20ms;
  stash::async::pool pool(loop, options);
  const auto filled = [&] {
    for (int i = 0; i < 1000 && pool.statistics().idle != 2; i++)
      run(stash::async::sleep_for(loop, 5ms));
    return pool.statistics().idle == 2;
  };
  EXPECT_TRUE(filled());
  {
    auto one = run(pool.acquire()), two = run(pool.acquire()), three = run(pool.acquire());
    two.discard();
    three.discard();
    EXPECT_LE(pool.statistics().open, 2u);
  }
  EXPECT_TRUE(filled());
  run(stash::async::sleep_for(loop, 100ms));
  EXPECT_EQ(pool.statistics().open, 2u);
  EXPECT_EQ(pool.statistics().min_size, 2u);
  pool.resize(0, 1);
  EXPECT_EQ(pool.statistics().open, 1u);
  EXPECT_THROW(stash::async::pool(loop, {.min_size = 2, .max_size = 1}), stash::usage_error);
}

TEST_F(async_pool, a_minimum_that_cannot_be_had_is_told) {
  std::vector<std::string> lines;
  auto options = few(1);
  options.conninfo = "host=/nowhere";
  options.min_size = 1;
  options.on_warning = [&](const std::string& line) { lines.push_back(line); };
  {
    stash::async::pool pool(loop, options);
    for (int i = 0; i < 1000 && lines.empty(); i++) run(stash::async::sleep_for(loop, 5ms));
    EXPECT_EQ(pool.statistics().open, 0u);
  }
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].find("could not connect: "), 0u);
  // Ended while it fills up.
  stash::async::pool never(loop, {.min_size = 1});
  run(stash::async::sleep_for(loop, 0ms));
}

TEST_F(async_pool, leaks_are_reported_once) {
  std::vector<std::string> lines;
  auto options = few(2);
  options.leak_after = 50ms;
  options.on_warning = [&](const std::string& line) { lines.push_back(line); };
  stash::async::pool pool(loop, options);
  const auto held = run(pool.acquire());
  run(pool.acquire()).release();
  run(stash::async::sleep_for(loop, 200ms));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("async_pool_test.cpp"), std::string::npos) << lines[0];
  EXPECT_EQ(pool.statistics().leaks_reported, 1u);
}

TEST_F(async_pool, nobody_to_connect_to) {
  auto options = few(1);
  options.conninfo = "host=/nowhere";
  stash::async::client nobody(loop, options, {.read_attempts = 2});
  EXPECT_THROW((void)run(nobody.execute("SELECT 1")), stash::connection_error);
  EXPECT_THROW((void)run(nobody.cache().get<int>("k")), stash::connection_error);
  EXPECT_EQ(nobody.connections().statistics().open, 0u);
  EXPECT_EQ(nobody.connections().statistics().connect_failures, 3u);
}

TEST_F(async_pool, killed_connections_are_replaced) {
  stash::async::client one(loop, few(1));
  const int process = run(one.connections().acquire())->base().server_process();
  kill_process(process);
  // A reading call is done again on another connection; a changing one is not.
  EXPECT_FALSE(run(one.cache(name).exists("k")));
  kill_process(run(one.connections().acquire())->base().server_process());
  EXPECT_THROW((void)run(one.cache(name).incr("n")), stash::connection_error);
  EXPECT_EQ(run(one.cache(name).incr("n")), 1);
  EXPECT_GE(one.connections().statistics().closed_broken, 2u);
}

TEST_F(async_pool, a_task_that_is_destroyed_gives_everything_back) {
  stash::async::client one(loop, few(1));
  {
    // Destroyed in the middle of a statement, and in the middle of the line.
    stash::async::event_loop mine;
    stash::async::client gone(mine, few(1));
    for (int i = 0; i < 3; i++)
      mine.spawn([](stash::async::client& on) -> task<void> {
        (void)co_await on.execute("SELECT pg_sleep(30)");
      }(gone));
    mine.run(stash::async::sleep_for(mine, 200ms));
    EXPECT_EQ(gone.connections().statistics().waiting, 2u);
  }
  // One that wins over another: the loser is destroyed while it stands in line.
  auto held = run(one.connections().acquire());
  {
    auto in_line = std::make_optional(one.cache(name).incr("n"));
    stash::async::detail::task_access::start(
        *in_line, [](void*) -> std::coroutine_handle<> { return std::noop_coroutine(); }, nullptr);
    EXPECT_EQ(one.connections().statistics().waiting, 1u);
    held.release();
    in_line.reset();
  }
  EXPECT_EQ(run(one.cache(name).incr("n")), 1);
  EXPECT_EQ(one.connections().statistics().created, 1u);
}

TEST_F(async_pool, a_connection_that_dies_in_a_statement) {
  stash::async::client one(loop, few(1));
  int process = run(one.connections().acquire())->base().server_process();
  std::thread other([&] {
    std::this_thread::sleep_for(100ms);
    kill_process(process);
  });
  EXPECT_THROW((void)run(one.execute("SELECT pg_sleep(30)")), stash::connection_error);
  other.join();
  EXPECT_EQ(run(one.execute("SELECT 1")).integer(0, 0), 1);
}

// Whoever gives up in the middle of the line leaves the others in their order.
TEST_F(async_pool, some_in_line_are_stopped_or_run_out_of_time) {
  stash::async::client one(loop, few(1));
  std::optional<stash::async::lease> held = run(one.connections().acquire());
  std::stop_source stop;
  std::vector<std::string> served;
  std::map<std::string, failure_kind> failed;
  const auto ask = [&](auto on, std::string who) {
    loop.spawn([](auto on, std::string who, auto& served, auto& failed) -> task<void> {
      const auto rows = co_await on.execute("SELECT 1");
      if (rows)
        served.push_back(who);
      else
        failed.emplace(who, rows.error().kind());
    }(on, std::move(who), served, failed));
  };
  ask(one.nothrow().within(10s), "first");
  ask(one.nothrow().stopped_by(stop.get_token()), "second");
  ask(one.nothrow().within(300ms), "third");
  ask(one.nothrow().within(10s), "fourth");
  run(stash::async::sleep_for(loop, 0ms));
  EXPECT_EQ(one.connections().statistics().waiting, 4u);
  stop.request_stop();
  for (int i = 0; i < 1000 && failed.size() < 2; i++) run(stash::async::sleep_for(loop, 5ms));
  EXPECT_EQ(one.connections().statistics().waiting, 2u);
  held.reset();
  loop.run();
  EXPECT_EQ(failed, (std::map<std::string, failure_kind>{{"second", failure_kind::cancelled},
                                                         {"third", failure_kind::timeout}}));
  EXPECT_EQ(served, (std::vector<std::string>{"first", "fourth"}));
  EXPECT_EQ(one.connections().statistics().created, 1u);
}

TEST_F(async_pool, a_task_that_is_destroyed_in_its_statement_loses_its_connection) {
  stash::async::client one(loop, few(1));
  {
    auto running = std::make_optional(one.execute("SELECT pg_sleep(30)"));
    stash::async::detail::task_access::start(
        *running, [](void*) -> std::coroutine_handle<> { return std::noop_coroutine(); }, nullptr);
    for (int i = 0; i < 1000 && one.connections().statistics().on_loan == 0; i++)
      run(stash::async::sleep_for(loop, 5ms));
    run(stash::async::sleep_for(loop, 50ms));
    EXPECT_EQ(one.connections().statistics().on_loan, 1u);
    running.reset();
  }
  EXPECT_EQ(one.connections().statistics().open, 0u);
  EXPECT_EQ(one.connections().statistics().closed_broken, 1u);
  EXPECT_EQ(run(one.execute("SELECT 1")).integer(0, 0), 1);
  EXPECT_EQ(one.connections().statistics().created, 2u);
}

}  // namespace

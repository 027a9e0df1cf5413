// Coroutines: every kind of call, deadlines, cancellation, the pool's line, connections that die.
#include "async_fixture.hpp"

namespace {

using namespace test;
using stash::failure_kind;
using stash::json;
using stash::async::call_limits;

struct own_loop {
  template <typename T>
  T run(task<T> work) {
    return loop.run(std::move(work));
  }

  stash::async::event_loop loop;
};

class async : public with_async_client<own_loop> {};

TEST_F(async, typed_calls) {
  auto cache = c.cache(name);
  EXPECT_FALSE(run(cache.get<int>("k")).has_value());
  EXPECT_TRUE(run(cache.set("k", 5, fresh)).has_value());
  EXPECT_EQ(run(cache.get<int>("k")), 5);
  EXPECT_EQ(run(cache.incr("n", 2)), 2);
  EXPECT_TRUE(run(cache.exists("n")));
  EXPECT_EQ(run(c.admin().version()), client.admin().version());
  const auto made = run(c.sessions().create({.user_id = name}));
  EXPECT_EQ(run(c.sessions().get_by_token(made.token))->user_id, name);
  EXPECT_TRUE(run(c.sessions().erase(made.id)));
  EXPECT_EQ(run(c.execute("SELECT $1 + $2", 3, 4)).integer(0, 0), 7);
  EXPECT_NO_THROW(run(c.admin().create_namespace(name + "x")));
  EXPECT_TRUE(run(c.admin().drop_namespace(name + "x")));
}

TEST_F(async, a_task_starts_when_it_is_awaited) {
  { auto never = c.cache(name).set("k", 1, fresh); }
  EXPECT_FALSE(client.cache(name).exists("k"));
}

TEST_F(async, errors_are_thrown_or_returned) {
  EXPECT_THROW((void)run(c.cache("nothing_like_it").get<int>("k")), stash::server_error);
  EXPECT_THROW((void)run(c.execute("SELECT 1 / 0")), stash::server_error);
  const auto refused = run(c.nothrow().cache("nothing_like_it").get<int>("k"));
  EXPECT_EQ(refused.error().kind(), failure_kind::server);
  EXPECT_EQ(run(c.nothrow().execute("SELECT 1 / 0")).error().sqlstate(), "22012");
  EXPECT_TRUE(run(c.nothrow().cache(name).set("k", "text", fresh)).has_value());
  EXPECT_EQ(run(c.nothrow().cache(name).get<int>("k")).error().kind(), failure_kind::value);
  EXPECT_EQ(run(c.nothrow().cache(name).incr("n")).value(), 1);
  EXPECT_EQ(c.connections().statistics().closed_broken, 0u);
}

TEST_F(async, many_at_once_on_few_connections) {
  std::vector<task<std::int64_t>> all;
  for (int i = 0; i < 100; i++) all.push_back(c.cache(name).incr("n"));
  const auto values = run(stash::async::when_all(std::move(all)));
  EXPECT_EQ(values.size(), 100u);
  EXPECT_EQ(client.cache(name).get<int>("n"), 100);
  const auto figures = c.connections().statistics();
  EXPECT_EQ(figures.created, 4u);
  EXPECT_EQ(figures.waited, 96u);
  EXPECT_EQ(figures.on_loan, 0u);
  const auto [text, version] =
      run(stash::async::when_all(c.cache(name).get_text("n"), c.admin().version()));
  EXPECT_EQ(text, "100");
  EXPECT_FALSE(version.empty());
}

TEST_F(async, when_all_throws_after_all_have_ended) {
  std::vector<task<std::int64_t>> all;
  all.push_back(c.cache(name).incr("n"));
  all.push_back(c.cache("nothing_like_it").incr("n"));
  all.push_back(c.cache(name).incr("n"));
  EXPECT_THROW((void)run(stash::async::when_all(std::move(all))), stash::server_error);
  EXPECT_EQ(client.cache(name).get<int>("n"), 2);
  EXPECT_TRUE(run(stash::async::when_all(std::vector<task<int>>())).empty());
}

TEST_F(async, statements_have_a_deadline_and_the_connection_stays) {
  EXPECT_THROW((void)run(c.within(100ms).execute("SELECT pg_sleep(30)")), stash::timeout_error);
  EXPECT_EQ(run(c.execute("SELECT 1")).integer(0, 0), 1);
  EXPECT_EQ(c.connections().statistics().created, 1u);
}

TEST_F(async, calls_are_stopped_from_another_thread) {
  std::stop_source stop;
  std::thread other([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  EXPECT_THROW((void)run(c.stopped_by(stop.get_token()).execute("SELECT pg_sleep(30)")),
               stash::cancelled_error);
  other.join();
  // Already stopped: nothing is sent.
  EXPECT_THROW((void)run(c.stopped_by(stop.get_token()).cache(name).incr("n")),
               stash::cancelled_error);
  EXPECT_FALSE(client.cache(name).exists("n"));
  EXPECT_EQ(run(c.execute("SELECT 1")).integer(0, 0), 1);
  EXPECT_EQ(c.connections().statistics().created, 1u);
}

TEST_F(async, a_task_that_is_destroyed_gives_everything_back) {
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

TEST_F(async, first_come_first_served_with_deadlines) {
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
}

TEST_F(async, the_pool_closes_and_turns_away) {
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

TEST_F(async, the_pool_resizes_and_ends_what_rests) {
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

TEST_F(async, the_pool_keeps_its_minimum) {
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

TEST_F(async, a_minimum_that_cannot_be_had_is_told) {
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

TEST_F(async, leaks_are_reported_once) {
  std::vector<std::string> lines;
  auto options = few(2);
  options.leak_after = 50ms;
  options.on_warning = [&](const std::string& line) { lines.push_back(line); };
  stash::async::pool pool(loop, options);
  const auto held = run(pool.acquire());
  run(pool.acquire()).release();
  run(stash::async::sleep_for(loop, 200ms));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("async_test.cpp"), std::string::npos) << lines[0];
  EXPECT_EQ(pool.statistics().leaks_reported, 1u);
}

TEST_F(async, cached_functions) {
  int computed = 0;
  auto square = stash::cached(c.cache(name), "square", [&](int number) -> task<int> {
    computed++;
    co_await stash::async::sleep_for(loop, 1ms);
    co_return number* number;
  });
  EXPECT_EQ(run(square(3)), 9);
  EXPECT_EQ(run(square(3)), 9);
  EXPECT_EQ(run(square(4)), 16);
  EXPECT_EQ(computed, 2);
  EXPECT_TRUE(run(square.forget(3)));
  EXPECT_EQ(run(square(3)), 9);
  EXPECT_EQ(computed, 3);
}

TEST_F(async, nobody_to_connect_to) {
  auto options = few(1);
  options.conninfo = "host=/nowhere";
  stash::async::client nobody(loop, options, {.read_attempts = 2});
  EXPECT_THROW((void)run(nobody.execute("SELECT 1")), stash::connection_error);
  EXPECT_THROW((void)run(nobody.cache().get<int>("k")), stash::connection_error);
  EXPECT_EQ(nobody.connections().statistics().open, 0u);
  EXPECT_EQ(nobody.connections().statistics().connect_failures, 3u);
}

TEST_F(async, killed_connections_are_replaced) {
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

TEST_F(async, a_connection_that_dies_in_a_statement) {
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

TEST_F(async, transactions) {
  const auto answer = run(c.transact([&](stash::async::transaction& work) -> task<int> {
    (void)co_await work.cache(name).set("k", 1, fresh);
    EXPECT_FALSE(client.cache(name).exists("k"));
    auto rows = co_await work.execute("SELECT $1", 42);
    co_return static_cast<int>(rows.integer(0, 0));
  }));
  EXPECT_EQ(answer, 42);
  EXPECT_TRUE(client.cache(name).exists("k"));
  struct mine {};
  EXPECT_THROW(run(c.transact([&](stash::async::transaction& work) -> task<void> {
                 (void)co_await work.cache(name).set("l", 1, fresh);
                 throw mine();
               })),
               mine);
  EXPECT_FALSE(client.cache(name).exists("l"));
  EXPECT_THROW(run(c.transact([&](stash::async::transaction& work) -> task<void> {
                 (void)co_await work.nothrow().execute("SELECT 1 / 0");
               })),
               stash::usage_error);
  EXPECT_EQ(c.connections().statistics().closed_broken, 0u);
}

TEST_F(async, transactions_are_tried_again) {
  int attempts = 0;
  run(c.transact([&](stash::async::transaction& work) -> task<void> {
    if (attempts++ < 2) (void)co_await work.execute("DO $$BEGIN RAISE SQLSTATE '40001'; END$$");
    if (attempts == 3) (void)co_await work.execute("SELECT pg_terminate_backend(pg_backend_pid())");
  }));
  EXPECT_EQ(attempts, 4);
  attempts = 0;
  EXPECT_THROW(run(c.transact(
                   [&](stash::async::transaction& work) -> task<void> {
                     attempts++;
                     (void)co_await work.execute("DO $$BEGIN RAISE SQLSTATE '40P01'; END$$");
                   },
                   {.attempts = 3})),
               stash::server_error);
  EXPECT_EQ(attempts, 3);
}

TEST_F(async, pipelines) {
  const auto on = run(c.connections().acquire());
  stash::async::pipeline batch(*on);
  const auto set = batch.cache(name).set("k", 5, fresh);
  const auto found = batch.cache(name).get<int>("k");
  batch.add("SELECT $1", 7);
  EXPECT_EQ(run(batch.run())[0].integer(0, 0), 7);
  EXPECT_TRUE(set.get().has_value());
  EXPECT_EQ(found.get(), 5);
  const auto refused = batch.cache("nothing_like_it").incr("n");
  EXPECT_THROW((void)run(batch.run()), stash::server_error);
  EXPECT_EQ(refused.try_get().error().kind(), failure_kind::server);
  call_limits shortly;
  shortly.timeout = 100ms;
  batch.add("SELECT pg_sleep(30)");
  EXPECT_THROW((void)run(batch.run(shortly)), stash::timeout_error);
  const std::string large(4000, 'x');
  for (int i = 0; i < 5000; i++) batch.add("SELECT $1::text", large);
  EXPECT_EQ(run(batch.run()).size(), 5000u);
}

TEST_F(async, large_values_and_new_statements) {
  const std::string large(5'000'000, 'y');
  EXPECT_EQ(run(c.execute("SELECT $1::text", large)).raw(0, 0).size(), large.size());
  const auto on = run(c.connections().acquire());
  EXPECT_EQ(run(on->execute("SELECT 1")).integer(0, 0), 1);
  run(on->command("DISCARD ALL"));
  EXPECT_EQ(run(on->execute("SELECT 1")).integer(0, 0), 1);
  EXPECT_THROW((void)run(on->execute("COPY (SELECT 1) TO STDOUT")), stash::usage_error);
  EXPECT_FALSE(on->usable());
  EXPECT_THROW((void)run(on->execute("SELECT 1")), stash::connection_error);
}

TEST_F(async, fetch_or_compute_computes_once) {
  int computed = 0;
  std::vector<task<int>> all;
  for (int i = 0; i < 8; i++)
    all.push_back(c.cache(name).fetch_or_compute<int>("k", [&]() -> task<int> {
      computed++;
      co_await stash::async::sleep_for(loop, 50ms);
      co_return 42;
    }));
  EXPECT_EQ(run(stash::async::when_all(std::move(all))), std::vector<int>(8, 42));
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(client.cache(name).get<int>("k"), 42);
}

TEST_F(async, calls_are_counted) {
  (void)run(c.cache(name).get<int>("k"));
  EXPECT_THROW((void)run(c.cache("nothing_like_it").incr("n")), stash::server_error);
  const std::string text = c.to_prometheus("mine");
  EXPECT_NE(text.find("stash_call_seconds_count{client=\"mine\",call=\"cache_get\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("stash_call_errors_total{client=\"mine\",call=\"cache_incr\",class="),
            std::string::npos);
  EXPECT_NE(text.find("stash_pool_open{pool=\"mine\"} 1\n"), std::string::npos);
}

TEST_F(async, one_loop_a_thread) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      stash::async::event_loop mine;
      stash::async::client on(mine, few(2));
      std::vector<task<std::int64_t>> all;
      for (int n = 0; n < 25; n++) all.push_back(on.cache(name).incr("n"));
      EXPECT_EQ(mine.run(stash::async::when_all(std::move(all))).size(), 25u);
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(client.cache(name).get<int>("n"), 100);
}

}  // namespace

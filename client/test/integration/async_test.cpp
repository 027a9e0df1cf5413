// Coroutines: every kind of call, deadlines, cancellation.
#include "async_fixture.hpp"

namespace {

using namespace test;
using stash::failure_kind;
using stash::json;
using stash::async::call_limits;

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
  std::vector<task<void>> nothing;
  for (const char* each : {"x", "y"}) nothing.push_back(c.admin().create_namespace(name + each));
  EXPECT_NO_THROW(run(stash::async::when_all(std::move(nothing))));
  EXPECT_TRUE(run(c.admin().drop_namespace(name + "x")));
  EXPECT_TRUE(run(c.admin().drop_namespace(name + "y")));
  std::vector<task<void>> twice;
  for (int i = 0; i < 2; i++) twice.push_back(c.admin().create_namespace(name));
  EXPECT_THROW(run(stash::async::when_all(std::move(twice))), stash::server_error);
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

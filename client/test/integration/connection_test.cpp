// Connections, transactions, pipelines; a server that restarts underneath.
#include <libpq-fe.h>
#include <poll.h>

#include "pipeline_exchange.hpp"
#include "server.hpp"

namespace {

using namespace test;
using stash::json;
using stash::parameters;

TEST(connection, times_out_and_stays_usable) {
  stash::connection on({});
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(on.execute("SELECT pg_sleep(30)", {}, 100ms), stash::timeout_error);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  EXPECT_EQ(on.execute("SELECT 1", {}, 10s).integer(0, 0), 1);
}

TEST(connection, times_out_while_preparing) {
  stash::connection on({}), other({});
  other.command("DROP TABLE IF EXISTS locked; CREATE TABLE locked (i int)");
  other.command("BEGIN; LOCK TABLE locked");
  EXPECT_THROW(on.execute("SELECT * FROM locked", {}, 100ms), stash::timeout_error);
  other.command("COMMIT");
  EXPECT_EQ(on.execute("SELECT * FROM locked", {}, 10s).rows(), 0);
  other.command("DROP TABLE locked");
}

// As drive() would, but told to stop when the first message has just been sent: the answer says
// that the statement is prepared all the same.
void stop_while_preparing(stash::connection& on, stash::detail::exchange& trip) {
  for (auto next = trip.advance(); next != stash::detail::want::nothing; next = trip.advance()) {
    trip.stop({stash::failure_kind::timeout, "stopped"});
    pollfd socket{PQsocket(on.native()), POLLIN, 0};
    ASSERT_EQ(poll(&socket, 1, 10'000), 1);
  }
}

TEST(connection, stopped_right_after_it_was_prepared) {
  stash::connection on({});
  const std::string mine = "SELECT 'mine'";
  const parameters none;
  stash::detail::statement_exchange one(on, mine, none);
  stop_while_preparing(on, one);
  EXPECT_EQ(one.answer().error().kind(), stash::failure_kind::timeout);
  const std::string text = "SELECT 'batched'";
  stash::batch_content batched;
  batched.add(text, {}, nullptr);
  stash::detail::pipeline_exchange several(on, batched);
  stop_while_preparing(on, several);
  EXPECT_THROW((void)several.results(), stash::timeout_error);
  EXPECT_EQ(on.execute(mine).text(0, 0), "mine");
  stash::pipeline batch(on);
  EXPECT_EQ(batch.add(text).add(mine).run()[0].text(0, 0), "batched");
}

// Whatever became of a statement whose preparation failed, it does not stand in the way.
TEST(connection, prepares_under_another_name_after_a_failure) {
  stash::connection on({}), other({});
  const std::string sql = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '% LIKE %'";
  const std::string first_choice = other.execute(sql).text(0, 0);
  EXPECT_THROW(on.execute("SELEKT"), stash::server_error);
  on.command("PREPARE " + first_choice + " AS SELECT 0");
  on.command("BEGIN");
  EXPECT_EQ(on.execute(sql).text(0, 0), first_choice + "_1");
  on.command("COMMIT");
}

// As by somebody else behind a pooler.
TEST(connection, takes_what_is_prepared_already) {
  const std::string sql = "SELECT $1::int + 1 AS prepared_already";
  const parameters values = parameters().add(std::int32_t{4});
  stash::connection other({});
  EXPECT_EQ(other.execute(sql, values).integer(0, 0), 5);
  const std::string name =
      other.execute("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%_already'")
          .text(0, 0);
  for (const bool in_a_pipeline : {false, true}) {
    stash::connection on({});
    on.command("PREPARE " + name + " (int) AS " + sql);
    const auto rows = in_a_pipeline
                          ? std::move(stash::pipeline(on).add(sql, std::int32_t{4}).run()[0])
                          : on.execute(sql, values);
    EXPECT_EQ(rows.integer(0, 0), 5);
  }
}

TEST(connection, one_text_with_different_types) {
  stash::connection on({});
  const std::string sql = "SELECT $1";
  EXPECT_EQ(on.execute(sql, parameters().add(std::int32_t{5})).integer(0, 0), 5);
  EXPECT_EQ(on.execute(sql, parameters().add("five")).text(0, 0), "five");
  EXPECT_EQ(on.execute(sql, parameters().add(std::int64_t{5})).integer(0, 0), 5);
  EXPECT_TRUE(on.execute(sql, parameters().add(std::optional<double>())).is_null(0, 0));
  EXPECT_EQ(on.execute(sql, parameters().add(0.25)).number(0, 0), 0.25);
}

TEST(connection, statements_that_vanish_are_prepared_again) {
  stash::connection on({});
  on.execute("SELECT 1");
  on.command("DISCARD ALL");
  EXPECT_EQ(on.execute("SELECT 1").integer(0, 0), 1);
  on.command("CREATE TEMPORARY TABLE changing (a int)");
  EXPECT_EQ(on.execute("SELECT * FROM changing").columns(), 1);
  on.command("ALTER TABLE changing ADD b int");
  EXPECT_EQ(on.execute("SELECT * FROM changing").columns(), 2);
}

TEST(connection, many_statements_do_not_fill_the_server) {
  stash::connection on({});
  for (int i = 0; i < 600; i++)
    EXPECT_EQ(on.execute("SELECT " + std::to_string(i)).integer(0, 0), i);
  EXPECT_LE(on.execute("SELECT count(*) FROM pg_prepared_statements").integer(0, 0), 500);
}

TEST(connection, without_prepared_statements) {
  stash::connection on({.prepared_statements = false});
  for (int i = 0; i < 3; i++)
    EXPECT_EQ(on.execute("SELECT $1", parameters().add(std::int32_t{i})).integer(0, 0), i);
  stash::pipeline batch(on);
  for (int i = 0; i < 3; i++) batch.add("SELECT $1", i);
  EXPECT_EQ(batch.run()[2].integer(0, 0), 2);
  EXPECT_EQ(on.execute("SELECT count(*) FROM pg_prepared_statements").integer(0, 0), 0);
}

TEST(connection, copy_is_refused) {
  for (const auto timeout : {std::optional<std::chrono::milliseconds>(), {1000ms}}) {
    stash::connection on({.prepared_statements = false});
    EXPECT_THROW(on.execute("COPY (SELECT 1) TO STDOUT", {}, timeout), stash::usage_error);
    EXPECT_FALSE(on.usable());
    EXPECT_THROW(on.execute("SELECT 1"), stash::connection_error);
    EXPECT_FALSE(on.check());
  }
}

// Of a statement by itself libpq keeps the result, those of a pipeline are packed.
TEST(connection, results_are_read_as_what_they_are) {
  stash::connection on({});
  const std::string sql =
      "SELECT 1::int2, 1.5::float4, true, 'x'::text, NULL::int, '2000-01-01 "
      "00:00:01+00'::timestamptz,"
      " '[1]'::json, ARRAY['a', NULL], '00010203-0405-0607-0809-0a0b0c0d0e0f'::uuid AS id";
  for (const bool packed : {false, true}) {
    const auto rows = packed ? std::move(stash::pipeline(on).add(sql).run()[0]) : on.execute(sql);
    EXPECT_EQ(rows.columns(), 9);
    EXPECT_EQ(rows.integer(0, 0), 1);
    EXPECT_EQ(rows.number(0, 1), 1.5);
    EXPECT_TRUE(rows.boolean(0, 2));
    EXPECT_THROW((void)rows.boolean(0, 3), stash::usage_error);
    EXPECT_THROW((void)rows.integer(0, 3), stash::usage_error);
    EXPECT_THROW((void)rows.integer(0, 4), stash::usage_error);
    EXPECT_THROW((void)rows.integer(1, 0), stash::usage_error);
    EXPECT_EQ(rows.moment(0, 5), stash::time_point(std::chrono::seconds(946'684'801)));
    EXPECT_EQ(rows.document(0, 6), json::parse("[1]"));
    EXPECT_FALSE(rows.elements(0, 7)[1].has_value());
    EXPECT_EQ(rows.uuid(0, 8), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    EXPECT_TRUE(rows.is_null(0, 4));
    EXPECT_TRUE(rows.is_null(1, 0));
    EXPECT_TRUE(rows.raw(0, 4).empty());
    try {
      (void)rows.number(0, 8);
      FAIL();
    } catch (const stash::usage_error& failed) {
      EXPECT_STREQ(failed.what(), "column \"id\" is not an integer (its type has OID 2950)");
    }
  }
}

TEST(pipeline, results_of_every_size) {
  stash::connection on({});
  on.command("CREATE TEMPORARY TABLE numbers (i int)");
  stash::pipeline batch(on);
  batch.add("INSERT INTO numbers SELECT generate_series(1, 7)");
  batch.add("SELECT i, nullif(i, 2), repeat('x', i) FROM numbers ORDER BY i");
  batch.add("SELECT i FROM numbers WHERE i > 7");
  batch.add("SELECT repeat('y', 1000 * i) FROM numbers ORDER BY i");
  const auto results = batch.run();
  EXPECT_EQ(results[0].affected(), 7);
  EXPECT_EQ(results[0].columns(), 0);
  ASSERT_EQ(results[1].rows(), 7);
  for (int row = 0; row < 7; row++) {
    EXPECT_EQ(results[1].integer(row, 0), row + 1);
    EXPECT_EQ(results[1].is_null(row, 1), row == 1);
    EXPECT_EQ(results[1].text(row, 2), std::string(static_cast<std::size_t>(row) + 1, 'x'));
    EXPECT_EQ(results[3].raw(row, 0).size(), 1000u * (static_cast<unsigned>(row) + 1));
  }
  EXPECT_TRUE(results[2].empty());
  EXPECT_EQ(results[2].columns(), 1);
}

TEST(pipeline, ten_thousand_large_values_do_not_block) {
  for (const bool prepared : {true, false}) {
    stash::connection on({.prepared_statements = prepared});
    stash::pipeline batch(on);
    const std::string large(4000, 'x');
    for (int i = 0; i < 10'000; i++) batch.add("SELECT $1::text", large);
    const auto results = batch.run();
    ASSERT_EQ(results.size(), 10'000u);
    EXPECT_EQ(results[9'999].raw(0, 0).size(), 4000u);
  }
}

TEST(pipeline, an_error_in_the_middle) {
  stash::connection on({});
  on.command("CREATE TEMPORARY TABLE numbers (i int)");
  stash::pipeline batch(on);
  batch.add("INSERT INTO numbers VALUES ($1)", 1);
  batch.add("SELECT 1 / $1", 0);
  batch.add("INSERT INTO numbers VALUES ($1)", 2);
  try {
    batch.run();
    FAIL();
  } catch (const stash::server_error& failed) {
    EXPECT_EQ(failed.sqlstate(), "22012");
  }
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_FALSE(on.in_transaction());
  EXPECT_EQ(on.execute("SELECT count(*) FROM numbers").integer(0, 0), 0);
  EXPECT_EQ(batch.add("SELECT 7").run()[0].integer(0, 0), 7);
  batch.add("SELEKT");
  EXPECT_THROW(batch.run(), stash::server_error);
  EXPECT_EQ(batch.add("SELECT 7").run()[0].integer(0, 0), 7);
}

TEST(pipeline, a_connection_that_dies_in_it) {
  stash::connection on({});
  stash::pipeline batch(on);
  batch.add("SELECT pg_terminate_backend(pg_backend_pid())").add("SELECT 1");
  EXPECT_THROW(batch.run(), stash::error);
  EXPECT_FALSE(on.check());
}

class transactions : public with_client {};

TEST_F(transactions, commit_and_roll_back_with_the_cache) {
  auto cache = client.cache(name);
  client.transact([&](stash::transaction& work) {
    work.cache(name).set("k", 1, {.fresh = true});
    EXPECT_FALSE(cache.exists("k"));
  });
  EXPECT_TRUE(cache.exists("k"));
  struct mine {};
  EXPECT_THROW(client.transact([&](stash::transaction& work) {
    work.cache(name).set("l", 1, {.fresh = true});
    throw mine();
  }),
               mine);
  EXPECT_FALSE(cache.exists("l"));
  EXPECT_EQ(client.connections().statistics().closed_broken, 0u);
}

TEST_F(transactions, serialization_failures_are_tried_again) {
  const std::string table = "counter_" + name;
  client.transact([&](stash::transaction& work) {
    work.execute("CREATE TABLE " + table + " AS SELECT 0 AS n");
  });
  std::atomic<int> attempts = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      for (int n = 0; n < 5; n++)
        client.transact(
            [&](stash::transaction& work) {
              attempts++;
              const auto seen = work.execute("SELECT n FROM " + table).integer(0, 0);
              std::this_thread::sleep_for(2ms);
              work.execute("UPDATE " + table + " SET n = $1", static_cast<std::int32_t>(seen + 1));
            },
            {.level = stash::isolation::serializable, .attempts = 100});
    });
  for (auto& each : threads) each.join();
  const auto total = client.transact([&](stash::transaction& work) {
    return work.execute("SELECT n FROM " + table).integer(0, 0);
  });
  EXPECT_EQ(total, 20);
  EXPECT_GT(attempts, 20);
  client.transact([&](stash::transaction& work) { work.execute("DROP TABLE " + table); });
}

TEST_F(transactions, gives_up_after_the_attempts) {
  int attempts = 0;
  EXPECT_THROW(client.transact(
                   [&](stash::transaction& work) {
                     attempts++;
                     work.execute("DO $$BEGIN RAISE SQLSTATE '40001'; END$$");
                   },
                   {.attempts = 3}),
               stash::server_error);
  EXPECT_EQ(attempts, 3);
}

TEST_F(transactions, a_connection_lost_within_is_tried_again) {
  int attempts = 0;
  const auto answer = client.transact([&](stash::transaction& work) {
    if (attempts++ == 0) work.execute("SELECT pg_terminate_backend(pg_backend_pid())");
    return work.execute("SELECT 42").integer(0, 0);
  });
  EXPECT_EQ(answer, 42);
  EXPECT_EQ(attempts, 2);
}

TEST_F(transactions, a_failed_one_does_not_look_committed) {
  EXPECT_THROW(client.transact([&](stash::transaction& work) {
    EXPECT_THROW(work.execute("SELECT 1 / 0"), stash::server_error);
  }),
               stash::usage_error);
}

TEST(client, reports_calls_and_times_out) {
  {
    stash::client first(options());
    make_extension(first);
  }
  struct heard {
    std::string sql;
    std::optional<stash::failure_kind> why;
    int attempts;
  };
  std::vector<heard> all;
  stash::client client(options(1),
                       {.call_timeout = 100ms, .on_call = [&](const stash::call_metrics& call) {
                          EXPECT_GT(call.took.count(), 0);
                          EXPECT_EQ(call.failed, call.why != nullptr);
                          all.push_back({std::string(call.sql), {}, call.attempts});
                          if (call.failed) all.back().why = call.why->kind();
                        }});
  (void)client.admin().preloaded();
  EXPECT_THROW((void)client.cache().fetch("slow", "SELECT to_jsonb(pg_sleep(30)::text)"),
               stash::timeout_error);
  // A reading call is done again when its connection breaks.
  kill_process(client.connections().acquire()->server_process());
  (void)client.admin().preloaded();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].sql, "SELECT stash.preloaded()");
  EXPECT_FALSE(all[0].why);
  EXPECT_EQ(all[0].attempts, 1);
  EXPECT_EQ(all[1].why, stash::failure_kind::timeout);
  EXPECT_FALSE(all[2].why);
  EXPECT_EQ(all[2].attempts, 2);
}

// ctest runs it behind the others, for it disturbs the server.
TEST(restart, the_pool_finds_its_way) {
  stash::client client(options());
  make_extension(client);
  {
    const auto one = client.connections().acquire(), two = client.connections().acquire(),
               three = client.connections().acquire();
  }
  const auto process = [] {
    stash::connection on({});
    return on.execute("SELECT pg_postmaster_start_time()::text").text(0, 0);
  };
  const std::string before = process();
  const char* bin = std::getenv("STASH_BIN");
  if (bin == nullptr) GTEST_SKIP() << "STASH_BIN is not set: not a private server";
  {
    // As the server's own user, whoever runs the tests.
    stash::connection on({});
    const std::string data = on.execute("SHOW data_directory").text(0, 0);
    on.command("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; setsid " + std::string(bin) +
               "/pg_ctl -D " + data + " -l " + data +
               "/restart.log -m fast -w restart >/dev/null 2>&1 &'");
  }
  EXPECT_TRUE(eventually([&] {
    try {
      return process() != before;
    } catch (const stash::error&) {
      return false;
    }
  }));
  // Three connections lie idle, all dead: a reading call is done again on one that works.
  EXPECT_TRUE(client.admin().preloaded());
  EXPECT_NO_THROW(client.transact([](stash::transaction& work) { work.execute("SELECT 1"); }));
  EXPECT_NO_THROW(client.cache().set("after", 1, {.fresh = true}));
}

}  // namespace

// Behind PgBouncer in transaction mode: two connections to the server for everybody, and each
// transaction on whichever is free. So nothing may live in a session.
#include "servers.hpp"

namespace {

using namespace test;

class pooler : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!may_make_servers()) return;
    folder = new_folder("bouncer");
    control("bouncer " + folder + " 6432");
    stash::client direct(options());
    make_extension(direct);
  }
  static void TearDownTestSuite() {
    if (may_make_servers()) control("end-bouncer " + folder);
  }
  void SetUp() override {
    if (!may_make_servers()) GTEST_SKIP() << "STASH_STAGE is not set: no servers of our own";
  }
  static stash::pool_options through(bool prepared = false) {
    return {.conninfo = "host=" + folder + " port=6432 user=postgres dbname=postgres",
            .max_size = 8,
            .acquire_timeout = 10s,
            .prepared_statements = prepared};
  }

  static std::string folder;
};

std::string pooler::folder;

TEST_F(pooler, typed_calls_from_many_threads) {
  stash::client client(through());
  client.transact([](stash::transaction& work) {
    work.execute("DROP TABLE IF EXISTS pooled");
    work.execute("CREATE TABLE pooled AS SELECT i AS id, 0 AS n FROM generate_series(1, 4) AS i");
  });
  client.admin().invalidate_on("pooled", "pooled:{id}");
  const auto read = [&](int id) {
    return client.cache().fetch_or_compute<int>(
        "pooled:" + std::to_string(id),
        [&] {
          return client.transact([&](stash::transaction& work) {
            return static_cast<int>(
                work.execute("SELECT n FROM pooled WHERE id = $1", id).integer(0, 0));
          });
        },
        {.ttl = 60s, .tags = {"pooled:" + std::to_string(id)}});
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&, i] {
      const int id = i % 4 + 1;
      for (int n = 0; n < 20; n++) {
        const int before = read(id);
        client.transact([&](stash::transaction& work) {
          work.execute("UPDATE pooled SET n = n + 1 WHERE id = $1", id);
        });
        // Through leases, whoever reads after a commit sees it.
        EXPECT_GT(read(id), before);
      }
    });
  for (auto& each : threads) each.join();
  for (int id = 1; id <= 4; id++) EXPECT_EQ(read(id), 40);
  client.transact([](stash::transaction& work) { work.execute("DROP TABLE pooled"); });
}

TEST_F(pooler, a_lease_is_good_on_another_connection_until_something_changed) {
  stash::client client(through());
  auto cache = client.cache();
  (void)cache.erase("leased");
  const auto two_apart = [&](bool change) {
    const stash::leased_value miss = cache.get_lease("leased");
    EXPECT_EQ(miss.state, stash::lease_state::miss);
    // Both connections to the server are busy in turn, so the set does not meet the one of the miss
    // only.
    std::vector<std::thread> others;
    for (int i = 0; i < 4; i++) others.emplace_back([&] { (void)client.cache().exists("leased"); });
    for (auto& each : others) each.join();
    if (change) (void)cache.erase("leased");
    const auto version = cache.set("leased", 1, {.lease = miss.lease});
    (void)cache.erase("leased");
    return version.has_value();
  };
  EXPECT_TRUE(two_apart(false));
  EXPECT_FALSE(two_apart(true));
}

TEST_F(pooler, leaves_nothing_in_the_servers_sessions) {
  stash::client client(through(), {.call_timeout = 10s});
  auto sessions = client.sessions();
  const auto created = sessions.create({.user_id = "pooled"});
  EXPECT_TRUE(sessions.get_by_token(created.token).has_value());
  EXPECT_TRUE(sessions.erase(created.id));
  EXPECT_GT(client.cache().incr("pooled-counter"), 0);
  {
    const auto on = client.connections().acquire();
    stash::pipeline batch(*on);
    for (int i = 0; i < 100; i++) batch.add("SELECT $1", i);
    EXPECT_EQ(batch.run()[99].integer(0, 0), 99);
  }
  // On both of the pooler's connections: two transactions at once.
  client.transact([&](stash::transaction& one) {
    stash::client second(through());
    second.transact([&](stash::transaction& two) {
      for (stash::transaction* each : {&one, &two}) {
        EXPECT_EQ(each->execute("SELECT count(*) FROM pg_prepared_statements").integer(0, 0), 0);
        EXPECT_EQ(each->execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
                      .integer(0, 0),
                  0);
        // What PgBouncer itself keeps for its clients, and nothing else.
        EXPECT_EQ(
            each->execute("SELECT count(*) FROM pg_settings WHERE source = 'session' AND name"
                          " NOT IN ('application_name', 'client_encoding', 'DateStyle',"
                          " 'TimeZone', 'standard_conforming_strings', 'transaction_isolation',"
                          " 'transaction_read_only', 'transaction_deferrable')")
                .integer(0, 0),
            0);
      }
      EXPECT_NE(one.execute("SELECT pg_backend_pid()").integer(0, 0),
                two.execute("SELECT pg_backend_pid()").integer(0, 0));
    });
  });
}

TEST_F(pooler, cancels_and_rolls_back) {
  stash::client client(through(), {.call_timeout = 300ms});
  EXPECT_THROW((void)client.cache().fetch("slow", "SELECT to_jsonb(pg_sleep(30)::text)"),
               stash::timeout_error);
  EXPECT_TRUE(client.admin().preloaded());
  struct mine {};
  EXPECT_THROW(client.transact([](stash::transaction& work) {
    work.cache().set("rolled-back", 1, {.fresh = true});
    throw mine();
  }),
               mine);
  EXPECT_FALSE(client.cache().exists("rolled-back"));
}

// Left on by mistake: an error perhaps, but never the answer of somebody else's statement.
TEST_F(pooler, prepared_statements_never_run_another_ones) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 6; i++)
    threads.emplace_back([&, i] {
      stash::connection on({.conninfo = through().conninfo});
      for (int n = 0; n < 30; n++) {
        try {
          const std::string sql = "SELECT " + std::to_string(i) + " + $1 * 0";
          EXPECT_EQ(on.execute(sql, stash::parameters().add(std::int32_t{7})).integer(0, 0), i);
          right++;
        } catch (const stash::server_error& failed) {
          EXPECT_TRUE(failed.sqlstate() == "26000" || failed.sqlstate() == "42P05")
              << failed.what();
        }
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_GT(right, 0);
}

}  // namespace

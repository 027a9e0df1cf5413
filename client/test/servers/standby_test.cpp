// A primary and a standby: reads that may be old, several hosts, a restart and a failover in the
// middle of everything.
#include "servers.hpp"
#include "stash/async.hpp"

namespace {

using namespace test;

class standby : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!may_make_servers()) return;
    primary = std::make_unique<own_server>("primary");
    stash::connection on({.conninfo = primary->conninfo()});
    on.command(
        "CREATE EXTENSION pg_stash; CREATE TABLE counter (n bigint);"
        "INSERT INTO counter VALUES (0)");
    second = std::make_unique<own_server>("standby", *primary);
  }
  static void TearDownTestSuite() {
    second.reset();
    primary.reset();
  }
  void SetUp() override {
    if (!may_make_servers()) GTEST_SKIP() << "STASH_STAGE is not set: no servers of our own";
  }
  // The standby first, so that whoever looks for a primary has to pass it.
  static std::string both(const std::string& wanted) {
    return "host=" + second->socket() + "," + primary->socket() +
           " port=" + std::to_string(second->port) + "," + std::to_string(primary->port) +
           " user=postgres dbname=postgres target_session_attrs=" + wanted;
  }
  static void caught_up() {
    stash::connection one({.conninfo = primary->conninfo()}), two({.conninfo = second->conninfo()});
    const std::string position = one.execute("SELECT pg_current_wal_insert_lsn()::text").text(0, 0);
    EXPECT_TRUE(eventually([&] {
      return two
          .execute("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn",
                   stash::parameters().add(position))
          .boolean(0, 0);
    }));
  }

  static std::unique_ptr<own_server> primary, second;
};

std::unique_ptr<own_server> standby::primary, standby::second;

TEST_F(standby, several_hosts) {
  stash::connection writing({.conninfo = both("read-write")});
  EXPECT_FALSE(writing.read_only());
  stash::connection reading({.conninfo = both("standby")});
  EXPECT_TRUE(reading.read_only());
  EXPECT_EQ(reading.execute("SELECT n FROM counter").integer(0, 0), 0);
}

TEST_F(standby, options_that_cannot_be) {
  stash::client client({.conninfo = primary->conninfo()});
  EXPECT_THROW(stash::replicas(client, {}), stash::usage_error);
  EXPECT_THROW(stash::replicas(client, {.pools = {{}}, .max_staleness = 1s, .check_every = 1s}),
               stash::usage_error);
}

TEST_F(standby, answers_reads) {
  stash::client client({.conninfo = primary->conninfo()});
  const auto created = client.sessions().create({.user_id = "replicated"});
  caught_up();
  stash::replicas replicas(client, {.pools = {{.conninfo = second->conninfo()}}});
  auto sessions = replicas.sessions();
  EXPECT_TRUE(sessions.get(created.id).has_value());
  EXPECT_EQ(sessions.list({.user_id = "replicated"}).size(), 1u);
  EXPECT_EQ(sessions.active_count({.user_id = "replicated"}), 1);
  EXPECT_TRUE(sessions.history(std::string("replicated")).empty());
  EXPECT_FALSE(sessions.analytics().empty());
  EXPECT_TRUE(replicas.read("SELECT pg_is_in_recovery()").boolean(0, 0));
  EXPECT_EQ(replicas.read("SELECT $1 + 1", 41).integer(0, 0), 42);
  EXPECT_EQ(replicas.status()[0].reads, 7u);
  EXPECT_TRUE(replicas.status()[0].usable);
  EXPECT_LT(*replicas.status()[0].staleness, 60s);
  EXPECT_EQ(replicas.reads_on_primary(), 0u);
  try {
    (void)replicas.read("UPDATE counter SET n = 0");
    FAIL();
  } catch (const stash::server_error& failed) {
    EXPECT_EQ(failed.sqlstate(), "25006");
  }
  client.sessions().erase(created.id);
}

TEST_F(standby, answers_reads_of_memory_and_embeddings) {
  stash::client client({.conninfo = primary->conninfo()});
  client.admin().configure_memory_search("simple");
  auto writing = client.memory();
  const std::vector<float> near{1, 0}, far{0, 1};
  const auto first = writing.create("ada", stash::json{{"goal", "Rome"}}, {.embedding = near});
  const auto then = writing.create("ada", stash::json{{"goal", "Bern"}}, {.embedding = far});
  client.transact([](stash::transaction& work) {
    work.execute("CREATE TABLE doc (id int PRIMARY KEY, title text, embedding real[])");
    work.execute("INSERT INTO doc VALUES (1, 'lamp', '{1,0}'), (2, 'desk', '{0,1}')");
  });
  caught_up();
  stash::replicas replicas(client, {.pools = {{.conninfo = second->conninfo()}}});
  auto memory = replicas.memory();
  EXPECT_EQ(memory.get(first.id)->content.at("goal"), "Rome");
  EXPECT_EQ(memory.get_at("ada")->content.at("goal"), "Bern");
  EXPECT_EQ(memory.list({.agent_id = "ada"}).size(), 2u);
  EXPECT_EQ(memory.history(then.id).size(), 2u);
  EXPECT_EQ(memory.diff(first.id, then.id).at(0).path, "/goal");
  EXPECT_EQ(memory.statistics("ada").versions, 2);
  EXPECT_FALSE(memory.export_history("ada").empty());
  EXPECT_EQ(memory.search("Rome", near, {.agent_id = "ada"}).at(0).id, first.id);
  EXPECT_EQ(memory.search_text("Bern", {.agent_id = "ada"}).at(0).id, then.id);
  EXPECT_EQ(memory.search_nearest(far, {.agent_id = "ada"}).at(0).id, then.id);
  auto vectors = replicas.vectors();
  EXPECT_NEAR(vectors.distance(near, far), 1, 1e-12);
  EXPECT_EQ(vectors.property_type("text"), "text");
  EXPECT_EQ(vectors.search_local("doc", "embedding", far).at(0).id.at("id"), 2);
  EXPECT_EQ(replicas.status()[0].reads, 13u);
  EXPECT_EQ(replicas.status()[0].failures, 0u);
  EXPECT_EQ(replicas.reads_on_primary(), 0u);
}

// A table that is fed to Weaviate, which does not run: the standby compares its own rows.
TEST_F(standby, searches_a_synchronised_table) {
  stash::client client({.conninfo = primary->conninfo()});
  client.transact([](stash::transaction& work) {
    work.execute("CREATE TABLE fed (id int PRIMARY KEY, title text, embedding real[])");
    work.execute("INSERT INTO fed VALUES (1, 'lamp', '{1,0}'), (2, 'desk', '{0,1}')");
  });
  client.admin().configure_weaviate("http://127.0.0.1:9", std::nullopt, {{"timeout_ms", 1000}});
  client.admin().adopt_weaviate();
  client.vectors().enable_sync("fed", "embedding", {.properties = {"title"}});
  caught_up();
  stash::replicas replicas(client, {.pools = {{.conninfo = second->conninfo()}}});
  const std::vector<float> near{0, 1};
  const auto found = replicas.vectors().search("fed", near, {.max_rows = 1});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id.at("id"), 2);
  EXPECT_EQ(found[0].engine, "local");
  EXPECT_EQ(replicas.status()[0].reads, 1u);
  client.vectors().disable_sync("fed");
  client.admin().configure_weaviate(std::nullopt);
}

TEST_F(standby, one_that_is_behind_is_not_asked) {
  stash::client client({.conninfo = primary->conninfo()});
  stash::replicas replicas(client, {.pools = {{.conninfo = second->conninfo()}},
                                    .max_staleness = 500ms,
                                    .check_every = 50ms,
                                    .avoid_for = 50ms});
  const auto from_standby = [&] {
    return replicas.read("SELECT pg_is_in_recovery()").boolean(0, 0);
  };
  EXPECT_TRUE(eventually(from_standby));
  stash::connection control({.conninfo = second->conninfo()});
  control.command("SELECT pg_wal_replay_pause()");
  client.transact([](stash::transaction& work) { work.execute("UPDATE counter SET n = 1"); });
  // From its bound on every read sees the commit, for the primary answers.
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(replicas.read("SELECT n FROM counter").integer(0, 0), 1);
  EXPECT_FALSE(from_standby());
  EXPECT_FALSE(replicas.status()[0].usable);
  control.command("SELECT pg_wal_replay_resume()");
  EXPECT_TRUE(eventually(from_standby));
  client.transact([](stash::transaction& work) { work.execute("UPDATE counter SET n = 0"); });
}

TEST_F(standby, one_that_is_down_is_left_alone) {
  stash::client client({.conninfo = primary->conninfo()});
  stash::replicas replicas(
      client, {.pools = {{.conninfo = second->conninfo()}, {.conninfo = "host=/nowhere"}}});
  for (int i = 0; i < 6; i++) EXPECT_TRUE(replicas.read("SELECT true").boolean(0, 0));
  EXPECT_EQ(replicas.status()[1].failures, 1u);
  second->stop();
  for (int i = 0; i < 6; i++) EXPECT_TRUE(replicas.read("SELECT true").boolean(0, 0));
  EXPECT_GT(replicas.reads_on_primary(), 0u);
  second->start();
}

// Threads that count in transactions and use the cache, while `disturb` does something to the
// servers. What was acknowledged is there afterwards, and at most what had no answer besides.
void count_through(const std::string& conninfo, const std::function<void()>& disturb) {
  stash::client client({.conninfo = conninfo, .max_size = 4, .connect_timeout = 2s},
                       {.reconnect_for = 60s});
  const auto n = [&] {
    return client.transact([](stash::transaction& work) {
      return work.execute("SELECT n FROM counter").integer(0, 0);
    });
  };
  const std::int64_t begun = n();
  std::atomic<std::int64_t> acknowledged = 0, unknown = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++)
    threads.emplace_back([&] {
      while (!stop) {
        try {
          client.transact(
              [](stash::transaction& work) { work.execute("UPDATE counter SET n = n + 1"); },
              {.attempts = 20});
          acknowledged++;
          (void)client.cache().get<int>("counter");
        } catch (const stash::error& failed) {
          EXPECT_TRUE(failed.connection_lost()) << failed.what();
          unknown++;
        }
      }
    });
  EXPECT_TRUE(eventually([&] { return acknowledged > 20; }));
  disturb();
  const std::int64_t then = acknowledged;
  EXPECT_TRUE(eventually([&] { return acknowledged > then + 20; }));
  stop = true;
  for (auto& each : threads) each.join();
  const std::int64_t counted = n() - begun;
  EXPECT_GE(counted, acknowledged);
  EXPECT_LE(counted, acknowledged + unknown);
}

TEST_F(standby, a_restart_in_the_middle_of_everything) {
  count_through(primary->conninfo(), [] {
    primary->stop();
    primary->start();
  });
}

stash::async::task<void> count_until(const std::atomic<bool>& stop, stash::async::event_loop& loop,
                                     stash::async::client& client, std::int64_t& acknowledged,
                                     std::int64_t& unknown) {
  while (!stop) {
    const auto done = co_await client.nothrow().execute("UPDATE counter SET n = n + 1");
    (done ? acknowledged : unknown)++;
    if (!done) {
      EXPECT_TRUE(done.error().connection_lost()) << done.error().message();
    }
    co_await stash::async::sleep_for(loop, 5ms);
  }
}

stash::async::task<void> answer_once_it_is_back(stash::async::client& client,
                                                std::atomic<int>& answered) {
  const auto one = co_await client.nothrow().execute("SELECT 1");
  if (one) answered++;
  const int two =
      co_await client.transact([](stash::async::transaction& work) -> stash::async::task<int> {
        const stash::result rows = co_await work.execute("SELECT 2");
        co_return static_cast<int>(rows.integer(0, 0));
      });
  if (two == 2) answered++;
}

TEST_F(standby, a_restart_under_coroutines_and_a_monitor) {
  std::mutex mutex;
  std::vector<bool> states;
  const auto seen = [&](const std::vector<bool>& wanted) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return states == wanted;
    });
  };
  stash::pool watched({.conninfo = primary->conninfo()});
  const stash::health_monitor monitor(
      {{"primary", watched}},
      {.every = 20ms, .timeout = 10s, .on_change = [&](const stash::health_report& now) {
         const std::lock_guard lock(mutex);
         states.push_back(now.up);
       }});
  stash::async::event_loop loop;
  stash::async::client client(loop, {.conninfo = primary->conninfo(), .max_size = 3});
  stash::client_options patient;
  patient.reconnect_for = 60s;
  stash::async::client waiting(loop, {.conninfo = primary->conninfo(), .max_size = 1}, patient);
  const auto n = [&] { return loop.run(client.execute("SELECT n FROM counter")).integer(0, 0); };
  const std::int64_t begun = n();
  std::int64_t acknowledged = 0, unknown = 0;
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::thread disturber([&] {
    EXPECT_TRUE(seen({true}));
    primary->stop();
    EXPECT_TRUE(seen({true, false}));
    loop.post([&] { loop.spawn(answer_once_it_is_back(waiting, answered)); });
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(answered, 0);
    primary->start();
    EXPECT_TRUE(seen({true, false, true}));
    stop = true;
  });
  for (int i = 0; i < 4; i++) loop.spawn(count_until(stop, loop, client, acknowledged, unknown));
  loop.run();
  disturber.join();
  const std::int64_t counted = n() - begun;
  EXPECT_GT(acknowledged, 0);
  EXPECT_GT(unknown, 0);
  EXPECT_GE(counted, acknowledged);
  EXPECT_LE(counted, acknowledged + unknown);
  EXPECT_GT(client.connections().statistics().closed_broken, 0u);
  EXPECT_FALSE(monitor.reports()[0].standby);
  // A call and a transaction that were made while nobody could be reached.
  EXPECT_EQ(answered, 2);
}

// The last one: afterwards the standby is the primary.
TEST_F(standby, the_failover) {
  {
    stash::connection on({.conninfo = primary->conninfo()});
    on.command("ALTER SYSTEM SET synchronous_standby_names = '*'");
    on.command("SELECT pg_reload_conf()");
    EXPECT_TRUE(eventually([&] {
      return on.execute("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
                 .integer(0, 0) == 1;
    }));
  }
  stash::client client({.conninfo = both("read-write"), .max_size = 2}, {.reconnect_for = 60s});
  stash::replicas replicas(client, {.pools = {{.conninfo = second->conninfo()}}});
  EXPECT_TRUE(replicas.read("SELECT pg_is_in_recovery()").boolean(0, 0));
  count_through(both("read-write"), [] {
    primary->stop();
    second->promote();
    // It carries on alone.
    stash::connection on({.conninfo = second->conninfo()});
    on.command("ALTER SYSTEM RESET synchronous_standby_names");
    on.command("SELECT pg_reload_conf()");
  });
  // What was a standby is asked as the primary, in a transaction that is read only.
  EXPECT_TRUE(eventually([&] {
    (void)replicas.read("SELECT n FROM counter");
    return replicas.reads_on_primary() > 0;
  }));
}

}  // namespace

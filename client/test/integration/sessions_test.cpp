// Every typed call of the sessions and of administration; every function has one.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "server.hpp"

namespace {

using namespace test;
using stash::json;

class sessions : public with_client {
 protected:
  stash::sessions s = client.sessions();
  std::string user = "user" + std::to_string(getpid());
};

TEST_F(sessions, life_of_one) {
  const auto made = s.create({.user_id = user,
                              .agent_id = "agent",
                              .data = {{"a", 1}},
                              .idle_ttl = 1800s,
                              .absolute_ttl = 7200s,
                              .ip = "10.0.0.1",
                              .user_agent = "test"});
  EXPECT_FALSE(made.token.empty());
  const auto found = s.get_by_token(made.token);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, made.id);
  EXPECT_EQ(found->user_id, user);
  EXPECT_EQ(found->agent_id, "agent");
  EXPECT_EQ(found->ip, "10.0.0.1");
  EXPECT_EQ(found->user_agent, "test");
  EXPECT_EQ(found->idle_ttl, stash::seconds{1800});
  EXPECT_TRUE(found->absolute_expires_at.has_value());
  EXPECT_LT(stash::clock::now() - found->created_at, 60s);
  EXPECT_EQ(s.update(made.id, {{"b", 2}}), 2);
  EXPECT_EQ(s.get(made.id)->data, json({{"a", 1}, {"b", 2}}));
  EXPECT_EQ(s.update(made.id, {{"c", 3}}, {.mode = stash::update_mode::replace}), 3);
  EXPECT_EQ(s.get(made.id, true)->data, json({{"c", 3}}));
  try {
    s.update(made.id, {}, {.expected_version = 1});
    FAIL();
  } catch (const stash::server_error& failed) {
    EXPECT_EQ(failed.sqlstate(), "40001");
    EXPECT_TRUE(failed.retryable());
  }
  EXPECT_TRUE(s.touch(made.id));
  EXPECT_TRUE(s.extend(made.id, 3600s).has_value());
  const auto token = s.rotate_token(made.id);
  ASSERT_TRUE(token.has_value());
  EXPECT_FALSE(s.get_by_token(made.token).has_value());
  EXPECT_TRUE(s.get_by_token(*token, false).has_value());
  EXPECT_TRUE(s.erase(made.id, "log-out"));
  EXPECT_FALSE(s.erase(made.id));
  EXPECT_FALSE(s.get(made.id).has_value());
  EXPECT_FALSE(s.touch(made.id));
  EXPECT_FALSE(s.update(made.id, {}).has_value());
  EXPECT_FALSE(s.rotate_token(made.id).has_value());
  EXPECT_FALSE(s.extend(made.id).has_value());
  const auto history = s.history(user);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].id, made.id);
  EXPECT_EQ(history[0].reason, "log-out");
  EXPECT_FALSE(s.analytics().empty());
}

TEST_F(sessions, of_one_user) {
  const std::string who = user + "-many";
  std::vector<std::string> ids;
  for (int i = 0; i < 4; i++) ids.push_back(s.create({.user_id = who}).id);
  EXPECT_EQ(s.active_count({.user_id = who}), 4);
  const auto page = s.list({.user_id = who}, true, {}, 3);
  ASSERT_EQ(page.size(), 3u);
  EXPECT_EQ(s.list({.user_id = who}, true, page.back().id, 3).size(), 1u);
  EXPECT_EQ(s.list({.user_id = who}, std::nullopt).size(), 4u);
  EXPECT_EQ(s.bulk_delete(std::vector<std::string>{ids[0]}), 1);
  EXPECT_EQ(s.revoke_others(ids[1], "password"), 2);
  EXPECT_EQ(s.bulk_delete(std::nullopt, {.user_id = who}, "closed"), 1);
  EXPECT_EQ(s.active_count({.user_id = who}), 0);
  EXPECT_GE(s.cleanup_inactive(36000s), 0);
  EXPECT_THROW((void)s.get("no uuid"), stash::server_error);
}

class admin : public with_client {
 protected:
  stash::admin a = client.admin();
};

TEST_F(admin, namespaces) {
  a.create_namespace(name + "b", {.max_bytes = 1 << 20, .default_ttl = 5s, .strict = true});
  a.alter_namespace(name + "b", {.default_ttl = 6s});
  bool seen = false;
  for (const json& each : a.namespaces())
    seen = seen || each.dump().find(name + "b") != std::string::npos;
  EXPECT_TRUE(seen);
  EXPECT_TRUE(a.drop_namespace(name + "b"));
}

TEST_F(admin, figures) {
  EXPECT_TRUE(a.cache_usage().is_object());
  EXPECT_FALSE(a.cache_statistics().empty());
  EXPECT_TRUE(a.health_check().is_object());
  EXPECT_NO_THROW((void)a.worker_status());
  EXPECT_NO_THROW(a.reset_statistics());
  EXPECT_FALSE(a.version().empty());
  EXPECT_TRUE(a.preloaded());
}

TEST_F(admin, tables_that_invalidate) {
  const std::string table = "tied_" + name;
  client.transact([&](stash::transaction& work) {
    work.execute("CREATE TABLE " + table + " (id int)");
    work.execute("INSERT INTO " + table + " VALUES (1)");
    work.admin().invalidate_on(table, name + ":{id}", name);
  });
  auto cache = client.cache(name);
  cache.set("k", 1, {.tags = {name + ":1"}, .fresh = true});
  client.transact(
      [&](stash::transaction& work) { work.execute("UPDATE " + table + " SET id = id"); });
  EXPECT_FALSE(cache.exists("k"));
  EXPECT_TRUE(a.invalidate_off(table));
  client.transact([&](stash::transaction& work) { work.execute("DROP TABLE " + table); });
}

TEST_F(admin, snapshots) {
  const std::string agents = name + "*";
  a.set_snapshot_retention(agents, 3, 60s);
  a.set_snapshot_retention(agents, std::nullopt, 90s);
  bool seen = false;
  for (const json& each : a.snapshot_retention())
    seen = seen || each == json{{"agent_pattern", agents}, {"keep_last", nullptr}, {"max_age", 90}};
  EXPECT_TRUE(seen);
  EXPECT_TRUE(a.unset_snapshot_retention(agents));
  EXPECT_FALSE(a.unset_snapshot_retention(agents));
  EXPECT_TRUE(a.check_snapshots().empty());
  EXPECT_EQ(a.collect_snapshots(10).at("parts"), 0);
  EXPECT_THROW(a.collect_snapshots(0), stash::server_error);
}

TEST_F(admin, memory_search) {
  EXPECT_FALSE(a.reset_memory_search(name));
  a.configure_memory_search("english", name, {{"title", "A"}});
  EXPECT_EQ(a.rebuild_memory_search(name), 0);
  EXPECT_NO_THROW((void)a.memory_search_status());
  EXPECT_TRUE(a.reset_memory_search(name));
  EXPECT_THROW(a.configure_memory_search("no such language", name), stash::server_error);
}

TEST_F(admin, snapshot_sync) {
  EXPECT_THROW(a.enable_snapshot_sync("Memory", {{"distance", "dot"}}), stash::server_error);
  client.transact([&](stash::transaction& work) {
    work.admin().enable_snapshot_sync("Memory", {{"dimensions", 3}});
    EXPECT_EQ(work.admin().disable_snapshot_sync(), 1);
  });
  EXPECT_THROW((void)a.disable_snapshot_sync(), stash::server_error);
}

TEST_F(admin, weaviate) {
  EXPECT_THROW(a.configure_weaviate("ftp://nowhere"), stash::server_error);
  EXPECT_THROW(a.adopt_weaviate(), stash::server_error);
  a.set_weaviate_key(stash::secret("key"));
  a.set_weaviate_key(stash::secret());
  try {
    (void)a.weaviate_health();
    FAIL() << "nothing is configured";
  } catch (const stash::server_error& error) {
    EXPECT_EQ(error.sqlstate(), "55000");
  }
  EXPECT_THROW((void)a.weaviate_nodes(), stash::server_error);
}

TEST_F(admin, rights) {
  const std::string role = "Role " + name;
  client.transact([&](stash::transaction& work) {
    work.execute("CREATE ROLE \"" + role + "\"");
    work.admin().grant_usage(role, {"cache"});
    work.admin().revoke_usage(role, {"cache"});
    work.execute("DROP OWNED BY \"" + role + "\"");  // USAGE on the schema stays
    work.execute("DROP ROLE \"" + role + "\"");
  });
  bool seen = false;
  for (const std::string& each : a.module_functions({"memory"}))
    seen = seen || each == "stash.memory_snapshot_pin(uuid,boolean)";
  EXPECT_TRUE(seen);
  EXPECT_THROW((void)a.module_functions({"nothing like it"}), stash::server_error);
}

// A function that is new on the server has no typed call until this test is content.
TEST_F(admin, every_function_has_a_typed_call) {
  std::string sources;
  for (const auto& each : std::filesystem::directory_iterator(STASH_CLIENT_SOURCES)) {
    std::ifstream file(each.path());
    std::ostringstream text;
    text << file.rdbuf();
    sources += text.str();
  }
  stash::connection on({});
  // Whatever somebody may be told to call: its comment says so otherwise.
  const stash::result rows = on.execute(
      "SELECT DISTINCT p.proname::text FROM pg_proc AS p"
      " JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
      " AND d.deptype = 'e' JOIN pg_extension AS e ON e.oid = d.refobjid"
      " WHERE e.extname = 'pg_stash' AND p.prorettype NOT IN ('trigger'::regtype,"
      " 'event_trigger'::regtype)"
      " AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE 'Internal: %'");
  ASSERT_GT(rows.rows(), 80);
  for (int row = 0; row < rows.rows(); row++) {
    const std::string name = rows.text(row, 0);
    EXPECT_NE(sources.find("stash." + name + "("), std::string::npos)
        << "no client source calls " << name;
  }
}

}  // namespace

// Every typed call of the cache.
#include <limits>

#include "server.hpp"

namespace {

using namespace test;
using stash::json;

struct user {
  std::string name;
  int age = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(user, name, age)
};

class cache : public with_client {
 protected:
  void SetUp() override {
    with_client::SetUp();
    c.emplace(client.cache(name));
  }
  std::optional<stash::cache> c;
  const stash::set_options fresh{.fresh = true};
};

TEST_F(cache, set_and_get) {
  EXPECT_FALSE(c->get<user>("u").has_value());
  const auto version = c->set("u", user{"ann", 5}, {.ttl = 60s, .tags = {"a", "b"}, .fresh = true});
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(c->get<user>("u")->age, 5);
  EXPECT_EQ(json::parse(*c->get_text("u"))["name"], "ann");
  EXPECT_TRUE(c->exists("u"));
  EXPECT_FALSE(client.cache().exists("u"));
  const auto entry = c->get_entry("u");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->version, *version);
  EXPECT_EQ(entry->tags.size(), 2u);
  EXPECT_EQ(entry->value["age"], 5);
  const auto left = *entry->expires_at - stash::clock::now();
  EXPECT_GT(left, 50s);
  EXPECT_LT(left, 70s);
  EXPECT_FALSE(c->get_entry("no").has_value());
  EXPECT_FALSE(c->get_text("no").has_value());
  EXPECT_TRUE(c->erase("u"));
  EXPECT_FALSE(c->erase("u"));
}

TEST_F(cache, functions_are_cached) {
  int computed = 0;
  auto find_user = stash::cached(*c, "user",
                                 [&](int id, const std::string& part) {
                                   computed++;
                                   if (id == 0) throw std::runtime_error("no such user");
                                   return user{part, id};
                                 },
                                 {.ttl = 60s, .tags = {"user:{1}", "part:{2}"}});
  EXPECT_EQ(find_user(7, "a").age, 7);
  EXPECT_EQ(find_user(7, "a").name, "a");
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(find_user(7, "b").name, "b");
  EXPECT_EQ(find_user(8, "a").age, 8);
  EXPECT_EQ(computed, 3);
  EXPECT_EQ(c->get<user>("user:7,\"a\"")->age, 7);
  const std::vector<std::string> seven{"user:7"}, a{"part:a"};
  EXPECT_EQ(c->invalidate_tags(seven), 2);
  (void)find_user(7, "a");
  (void)find_user(8, "a");
  EXPECT_EQ(computed, 4);
  EXPECT_EQ(c->invalidate_tags(a), 2);
  EXPECT_TRUE(find_user.forget(7, "b") == false);
  (void)find_user(8, "a");
  EXPECT_TRUE(find_user.forget(8, "a"));
  EXPECT_EQ(computed, 5);
  for (int i = 0; i < 2; i++) EXPECT_THROW((void)find_user(0, "a"), std::runtime_error);
  EXPECT_EQ(computed, 7);
}

// What a commit changes is computed again: the tag names the row, the trigger the tag.
TEST_F(cache, a_commit_makes_a_cached_answer_go) {
  const std::string table = "prices_" + name;
  client.transact([&](stash::transaction& work) {
    work.execute("CREATE TABLE " + table + " AS SELECT 1 AS id, 10 AS price");
  });
  client.admin().invalidate_on(table, table + ":{id}", name);
  auto price = stash::cached(
      *c, "price",
      [&](int id) {
        return client.transact([&](stash::transaction& work) {
          return work.execute("SELECT price FROM " + table + " WHERE id = $1", id).integer(0, 0);
        });
      },
      {.tags = {table + ":{1}"}});
  EXPECT_EQ(price(1), 10);
  client.transact([&](stash::transaction& work) {
    work.execute("UPDATE " + table + " SET price = 20");
    EXPECT_EQ(price(1), 10);
  });
  EXPECT_EQ(price(1), 20);
  client.transact([&](stash::transaction& work) { work.execute("DROP TABLE " + table); });
}

TEST_F(cache, for_ever_and_conditions) {
  const stash::seconds never{std::numeric_limits<double>::infinity()};
  const auto first = c->set("k", 1, {.ttl = never, .fresh = true});
  EXPECT_FALSE(c->get_entry("k")->expires_at.has_value());
  EXPECT_FALSE(c->set("k", 2, {.if_version = *first + 1, .fresh = true}).has_value());
  EXPECT_FALSE(c->set("k", 2, {.if_version = 0, .fresh = true}).has_value());
  EXPECT_TRUE(c->set("k", 2, {.if_version = *first, .fresh = true}).has_value());
  EXPECT_EQ(c->get<int>("k"), 2);
  EXPECT_FALSE(c->add("k", 3).has_value());
  EXPECT_TRUE(c->touch("k", 60s));
  EXPECT_TRUE(c->get_entry("k")->expires_at.has_value());
  EXPECT_FALSE(c->touch("no"));
}

TEST_F(cache, text_that_json_must_escape) {
  const std::string text = "quote \" backslash \\ line\n snowman \u2603";
  c->set("k", text, fresh);
  EXPECT_EQ(c->get<std::string>("k"), text);
  EXPECT_THROW((void)c->get<int>("k"), json::exception);
}

TEST_F(cache, bytes) {
  const std::vector<std::byte> value{std::byte{0}, std::byte{255}, std::byte{7}};
  ASSERT_TRUE(c->set_bytes("b", value, fresh).has_value());
  EXPECT_EQ(c->get_bytes("b"), value);
  EXPECT_FALSE(c->get_bytes("no").has_value());
}

TEST_F(cache, many) {
  const std::vector<std::string> keys{"a", "b"};
  const std::vector<json> values{1, "two"};
  EXPECT_EQ(c->set_many(keys, values, fresh), 2);
  EXPECT_EQ(c->set_entries({{"c", 3}, {"d", nullptr}}, fresh), 2);
  const std::vector<std::string> asked{"c", "no", "b"};
  const auto found = c->get_many<json>(asked);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], 3);
  EXPECT_FALSE(found[1].has_value());
  EXPECT_EQ(found[2], "two");
  EXPECT_TRUE(c->get_many<json>({}).empty());
}

TEST_F(cache, counters_and_add) {
  EXPECT_EQ(c->incr("n", 2), 2);
  EXPECT_EQ(c->incr("n"), 3);
  EXPECT_EQ(c->incr("n", -4, 60s), -1);
  EXPECT_TRUE(c->add("new", 1, {.ttl = 60s, .tags = {"t"}}).has_value());
}

TEST_F(cache, tags) {
  c->set("a", 1, {.tags = {"x", "y"}, .fresh = true});
  c->set("b", 2, {.tags = {"x"}, .fresh = true});
  const std::vector<std::string> both{"x", "y"};
  EXPECT_EQ(c->get_by_tags(both).size(), 2u);
  const auto all = c->get_by_tags(both, true);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].key, "a");
  EXPECT_EQ(all[0].value, 1);
  const std::vector<std::string> one{"y"};
  EXPECT_EQ(c->invalidate_tags(one), 1);
  EXPECT_FALSE(c->exists("a"));
  EXPECT_TRUE(c->exists("b"));
}

TEST_F(cache, scans) {
  for (int i = 0; i < 25; i++) c->set("p:" + std::to_string(i), i, fresh);
  c->set("other", 1, fresh);
  std::size_t seen = 0;
  int pages = 0;
  std::optional<std::string> cursor;
  do {
    const auto page = c->keys("p:*", cursor, 10);
    seen += page.keys.size();
    cursor = page.cursor;
    pages++;
  } while (cursor && pages < 20);
  EXPECT_EQ(seen, 25u);
  EXPECT_EQ(c->keys("").keys.size(), 26u);
  EXPECT_TRUE(c->info().is_object());
  EXPECT_EQ(c->delete_prefix("p:"), 25);
  EXPECT_EQ(c->clear(), 1);
  EXPECT_TRUE(c->namespace_known());
  EXPECT_THROW((void)c->in("nothing_like_it").namespace_known(), stash::server_error);
}

TEST_F(cache, fetch_on_the_server) {
  const std::vector<std::string> arguments{"20"};
  const std::string query = "SELECT to_jsonb($1::int + 1)";
  EXPECT_EQ(c->fetch("k", query, arguments, {.ttl = 60s}), 21);
  EXPECT_EQ(c->fetch("k", "SELECT to_jsonb(0)"), 21);
}

TEST_F(cache, leases) {
  const stash::leased_value first = c->get_lease("k");
  EXPECT_EQ(first.state, stash::lease_state::miss);
  ASSERT_TRUE(first.lease.has_value());
  EXPECT_EQ(c->get_lease("k").state, stash::lease_state::wait);
  EXPECT_TRUE(c->set("k", 1, {.lease = first.lease}).has_value());
  const stash::leased_value hit = c->get_lease("k");
  EXPECT_EQ(hit.state, stash::lease_state::hit);
  EXPECT_EQ(hit.value, 1);
}

TEST_F(cache, fetch_or_compute_computes_once) {
  std::atomic<int> computed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&] {
      const int value = c->fetch_or_compute<int>("k", [&] {
        computed++;
        std::this_thread::sleep_for(100ms);
        return 42;
      });
      EXPECT_EQ(value, 42);
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(computed, 1);
}

TEST_F(cache, fetch_or_compute_does_not_store_what_a_commit_made_stale) {
  const std::vector<std::string> tags{"row:1"};
  const int value = c->fetch_or_compute<int>("k",
                                             [&] {
                                               c->invalidate_tags(tags);
                                               return 1;
                                             },
                                             {.tags = tags});
  EXPECT_EQ(value, 1);
  EXPECT_FALSE(c->exists("k"));
}

TEST_F(cache, fetch_or_compute_gives_up_waiting) {
  const auto held = c->get_lease("k");
  ASSERT_TRUE(held.lease.has_value());
  EXPECT_EQ(c->fetch_or_compute<int>("k", [] { return 7; }, {.patience = 50ms}), 7);
  EXPECT_FALSE(c->exists("k"));
}

TEST_F(cache, errors_of_the_server) {
  try {
    c->in("nothing_like_it").set("k", 1, fresh);
    FAIL();
  } catch (const stash::server_error& failed) {
    EXPECT_EQ(failed.sqlstate().size(), 5u);
    EXPECT_FALSE(failed.retryable());
    EXPECT_FALSE(failed.connection_lost());
  }
}

}  // namespace

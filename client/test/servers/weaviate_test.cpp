// Typed calls of synchronised tables beside a real Weaviate, which wants a key. Skipped where
// STASH_WEAVIATE_SERVER does not name its program (scripts/test client does, where it can be had).
#include <fstream>
#include <map>

#include "servers.hpp"
#include "stash/async.hpp"

namespace {

using namespace test;
using stash::json;

std::string first_line(const std::string& file) {
  std::string line;
  std::ifstream in(file);
  std::getline(in, line);
  return line;
}

class weaviate : public with_client {
 protected:
  static void SetUpTestSuite() {
    if (!may_make_servers() || environment("STASH_WEAVIATE_SERVER").empty()) return;
    folder = new_folder("weaviate");
    control("weaviate " + folder);
  }
  static void TearDownTestSuite() {
    if (!folder.empty()) control("end-weaviate " + folder);
  }
  void SetUp() override {
    if (folder.empty()) GTEST_SKIP() << "STASH_WEAVIATE_SERVER is not set: no Weaviate";
    with_client::SetUp();
    // Fifty rows around a circle.
    client.transact([&](stash::transaction& work) {
      work.execute("CREATE TABLE " + name + " (id int PRIMARY KEY, title text, embedding real[])");
      work.execute("INSERT INTO " + name +
                   " SELECT g, 'title ' || g, ARRAY[cosd(g), sind(g), 1]::real[]"
                   " FROM generate_series(1, 50) AS g");
    });
    client.admin().configure_weaviate(first_line(folder + "/url"),
                                      stash::secret(first_line(folder + "/api-key")));
    client.admin().adopt_weaviate();
    collection = "C" + name;
    v.enable_sync(name, "embedding", {.properties = {"title"}, .collection = collection});
    ASSERT_TRUE(v.wait(name, 30s));
  }
  void TearDown() override {
    if (folder.empty()) return;
    v.disable_sync(name);
    client.admin().configure_weaviate(std::nullopt);
    client.transact([&](stash::transaction& work) { work.execute("DROP TABLE " + name); });
    with_client::TearDown();
  }
  void execute(const std::string& sql) {
    client.transact([&](stash::transaction& work) { work.execute(sql); });
  }

  static std::string folder;
  std::string collection;
  stash::vectors v = client.vectors();
  // Between the rows 20 and 21, nearer to the first.
  const std::vector<float> near{0.93829F, 0.34584F, 1};
};

std::string weaviate::folder;

TEST_F(weaviate, searches_and_follows_the_table) {
  const auto found = v.search(name, near, {.max_rows = 3});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].engine, "weaviate");
  EXPECT_EQ(found[0].id, json({{"id", 20}}));
  EXPECT_EQ(found[0].properties.at("title"), "title 20");
  EXPECT_LT(found[0].distance.value(), found[1].distance.value());
  EXPECT_GT(found[0].score, found[2].score);
  // By words as well, with a condition, by a pipeline and by coroutines.
  const auto by_words = v.search(name, near, {.max_rows = 1, .query = "41", .alpha = 0});
  ASSERT_EQ(by_words.size(), 1u);
  EXPECT_EQ(by_words[0].id, json({{"id", 41}}));
  stash::connection on({});
  stash::pipeline batch(on);
  const auto narrow =
      batch.vectors().search(name, near, {.max_rows = 5, .filter = json{{"title", "title 30"}}});
  batch.run();
  ASSERT_EQ(narrow.get().size(), 1u);
  EXPECT_EQ(narrow.get()[0].id, json({{"id", 30}}));
  EXPECT_EQ(narrow.get()[0].engine, "weaviate");
  stash::async::event_loop loop;
  stash::async::client c(loop, {.conninfo = ""});
  EXPECT_EQ(loop.run(c.vectors().search(name, near)).at(0).id, json({{"id", 20}}));

  // What was committed is there once it has been waited for.
  execute("UPDATE " + name + " SET embedding = ARRAY[-1, 0, 1]::real[] WHERE id = 20");
  execute("DELETE FROM " + name + " WHERE id = 21");
  EXPECT_TRUE(v.wait(name, 30s, collection));
  const auto now = v.search(name, near, {.max_rows = 1});
  ASSERT_EQ(now.size(), 1u);
  EXPECT_EQ(now[0].id, json({{"id", 19}}));
  const auto status = v.sync_status();
  ASSERT_EQ(status.size(), 1u);
  EXPECT_EQ(status[0].state, "running");
  EXPECT_EQ(status[0].pending, 0);
  EXPECT_GE(status[0].sent.value_or(0), 51);
  EXPECT_GE(status[0].deleted.value_or(0), 1);
  EXPECT_FALSE(client.admin().weaviate_health().empty());
}

TEST_F(weaviate, reconciles) {
  EXPECT_TRUE(v.reconcile(name).empty());
  // Changes that the synchronisation does not see.
  v.disable_sync(name);
  execute("DELETE FROM " + name + " WHERE id = 1");
  execute("UPDATE " + name + " SET title = 'other' WHERE id = 2");
  execute("INSERT INTO " + name + " VALUES (60, 'title 60', '{0,0,1}')");
  v.enable_sync(name, "embedding",
                {.properties = {"title"}, .collection = collection, .more = {{"backfill", false}}});
  std::map<std::string, std::string> kinds;
  for (const auto& each : v.reconcile(name, true)) {
    EXPECT_EQ(each.collection, collection);
    kinds[each.difference] = each.key.value_or("");
  }
  EXPECT_EQ(kinds.size(), 3u);
  EXPECT_EQ(kinds["different"], "2");
  EXPECT_EQ(kinds["missing"], "60");
  EXPECT_EQ(kinds.count("foreign"), 1u);
  EXPECT_TRUE(v.wait(name, 30s));
  EXPECT_TRUE(v.reconcile(name).empty());
  EXPECT_TRUE(v.dead_letters(name).empty());
}

TEST_F(weaviate, knows_who_may_not_ask) {
  client.admin().set_weaviate_key(stash::secret("wrong"));
  const auto found = v.search(name, near, {.max_rows = 1});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].engine, "local");
  EXPECT_EQ(found[0].id, json({{"id", 20}}));
}

}  // namespace

// Typed calls of embeddings and of synchronised tables. No Weaviate runs here: what is sent to it
// is another test's.
#include "server.hpp"
#include "stash/async.hpp"

namespace {

using namespace test;
using stash::json;
using stash::vector_metric;

// A row as an application has it.
struct doc {
  int id = 0;
  std::string title;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(doc, id, title)

// With a table of the test's own.
class vectors : public with_client {
 protected:
  void SetUp() override {
    with_client::SetUp();
    client.transact([&](stash::transaction& work) {
      work.execute("CREATE TABLE " + name + " (id int PRIMARY KEY, title text, embedding real[])");
      const std::vector<float> unit{0, 1, 0};
      work.execute("INSERT INTO " + name + " VALUES (1, 'lamp', '{1,0,0}'), (2, 'desk', $1)", unit);
      work.execute("INSERT INTO " + name + " VALUES (3, 'door', '{0,0.6,0.8}'), (4, 'none', NULL)");
    });
  }
  void TearDown() override {
    client.admin().configure_weaviate(std::nullopt);
    client.transact([&](stash::transaction& work) { work.execute("DROP TABLE " + name); });
    with_client::TearDown();
  }

  stash::vectors v = client.vectors();
  const std::vector<float> up{0, 1, 0};
};

TEST_F(vectors, distances) {
  const std::vector<float> a{3, 4}, b{4, -3}, c{6, 8};
  EXPECT_NEAR(v.distance(a, b), 1, 1e-12);
  EXPECT_NEAR(v.distance(a, c), 0, 1e-12);
  EXPECT_EQ(v.distance(a, c, vector_metric::inner_product), -50);
  EXPECT_EQ(v.distance(a, c, vector_metric::l2), 5);
  EXPECT_EQ(v.distance(a, c, vector_metric::l2_squared), 25);
  // Nothing is lost on the way: the smallest, the largest, and one that has no short decimal.
  const std::vector<float> hard{1e-45F, 3.4028235e38F, 0.1F};
  EXPECT_NEAR(v.distance(hard, hard), 0, 1e-12);
  EXPECT_EQ(client.nothrow().vectors().distance(a, up).error().sqlstate(), "22023");
  EXPECT_THROW((void)v.distance({}, {}), stash::server_error);
}

TEST_F(vectors, search_of_a_table) {
  const auto found = v.search_local(name, "embedding", up);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].id, json({{"id", 2}}));
  EXPECT_EQ(found[0].properties.get<doc>().title, "desk");
  EXPECT_EQ(found[0].engine, "local");
  EXPECT_NEAR(found[0].distance.value(), 0, 1e-6);
  EXPECT_NEAR(found[1].distance.value(), 0.4, 1e-6);
  EXPECT_GT(found[0].score, found[1].score);
  const auto narrow = v.search_local("public." + name, "embedding", up,
                                     {.max_rows = 5,
                                      .filter = json{{"title", {{"in", {"lamp", "door"}}}}},
                                      .metric = vector_metric::l2,
                                      .max_distance = 1,
                                      .properties = std::vector<std::string>{"title"}});
  ASSERT_EQ(narrow.size(), 1u);
  EXPECT_EQ(narrow[0].properties, json({{"title", "door"}}));
  EXPECT_THROW((void)v.search_local("nothing_like_it", "embedding", up), stash::server_error);
}

TEST_F(vectors, synchronised_tables) {
  EXPECT_EQ(v.property_type("integer[]"), "int[]");
  EXPECT_FALSE(v.property_type("point").has_value());
  EXPECT_THROW((void)v.search(name, up), stash::server_error);
  EXPECT_THROW((void)v.wait(name, 100ms), stash::server_error);
  EXPECT_EQ(client.nothrow().vectors().pause_sync(name).error().sqlstate(), "42704");
  EXPECT_EQ(client.nothrow().vectors().reconcile(name, true).error().sqlstate(), "42704");
  client.admin().configure_weaviate("http://127.0.0.1:9", stash::secret("key"),
                                    {{"timeout_ms", 1000}});
  client.admin().adopt_weaviate();
  v.enable_sync(name, "embedding",
                {.properties = {"title"}, .collection = "C" + name, .more = {{"index", "flat"}}});
  const auto status = v.sync_status();
  ASSERT_EQ(status.size(), 1u);
  EXPECT_EQ(status[0].relation, name);
  EXPECT_EQ(status[0].collection, "C" + name);
  EXPECT_FALSE(status[0].state.empty());
  v.pause_sync(name);
  v.resume_sync(name, "C" + name);
  v.backfill(name);
  EXPECT_EQ(v.retry(name), 0);
  EXPECT_EQ(v.retry(name, "1", "C" + name), 0);
  EXPECT_TRUE(v.dead_letters().empty());
  EXPECT_TRUE(v.dead_letters(name, 5).empty());
  EXPECT_FALSE(v.wait(name, 100ms, "C" + name));
  // Nobody answers there: all rows are compared instead.
  const auto found = v.search(name, up,
                              {.max_rows = 2,
                               .max_distance = 0.1,
                               .collection = "C" + name,
                               .embedding_column = "embedding"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, json({{"id", 2}}));
  EXPECT_EQ(found[0].engine, "local");
  EXPECT_EQ(v.disable_sync(name), 1);
  EXPECT_TRUE(v.sync_status().empty());
}

TEST_F(vectors, several_searches_at_once) {
  const std::vector<float> right{1, 0, 0};
  stash::connection on({});
  stash::pipeline batch(on);
  const auto above = batch.vectors().search_local(name, "embedding", up);
  const auto beside = batch.vectors().search_local(name, "embedding", right);
  const auto apart = batch.vectors().distance(up, right);
  batch.run();
  EXPECT_EQ(above.get().at(0).id.at("id"), 2);
  EXPECT_EQ(beside.get().at(0).id.at("id"), 1);
  EXPECT_NEAR(apart.get(), 1, 1e-12);

  stash::async::event_loop loop;
  stash::async::client c(loop, {.conninfo = "", .max_size = 3});
  const auto work = [&]() -> stash::async::task<json> {
    stash::local_search_options one;
    one.max_rows = 1;
    const auto [a, b] =
        co_await stash::async::when_all(c.vectors().search_local(name, "embedding", up, one),
                                        c.vectors().search_local(name, "embedding", right, one));
    const auto refused = co_await c.nothrow().vectors().search_local(name, "title", up);
    EXPECT_EQ(refused.error().sqlstate(), "42804");
    co_return json::array({a.at(0).id.at("id"), b.at(0).id.at("id")});
  };
  EXPECT_EQ(loop.run(work()), json::array({2, 1}));
}

}  // namespace

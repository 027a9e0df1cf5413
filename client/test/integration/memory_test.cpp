// Typed calls of memory snapshots: at once, without exceptions, in pipelines, in coroutines.
#include "server.hpp"
#include "stash/async.hpp"

namespace {

using namespace test;
using stash::json;

// What an application would keep.
struct notes {
  std::string title;
  std::vector<std::string> lines;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(notes, title, lines)

// Agents are named after the test's namespace, so that tests do not meet.
class memory : public with_client {
 protected:
  std::string made(const std::string& agent, const json& content,
                   const stash::snapshot_options& options = {}) {
    return m.create(agent, content, options).id;
  }

  stash::memory m = client.memory();
  const std::string nobody = "00000000-0000-4000-8000-000000000000";
};

TEST_F(memory, a_type_of_ones_own) {
  const stash::snapshot_options options{.key = "notes",
                                        .metadata = json{{"by", "test"}},
                                        .tags = {"a", "b"},
                                        .ttl = 3600s,
                                        .embedding = std::vector<float>{1, 0.5F, -2.25F},
                                        .expected_head = std::string(stash::nil_uuid)};
  const auto first = m.create(name, notes{"plan", {"one", "two"}}, options);
  EXPECT_EQ(first.version, 1);
  EXPECT_FALSE(first.deduplicated);
  const auto found = m.get<notes>(first.id);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->content.title, "plan");
  EXPECT_EQ(found->content.lines.back(), "two");
  EXPECT_EQ(found->id, first.id);
  EXPECT_EQ(found->agent_id, name);
  EXPECT_EQ(found->key, "notes");
  EXPECT_EQ(found->metadata, json({{"by", "test"}}));
  EXPECT_EQ(found->tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found->embedding, options.embedding);
  EXPECT_FALSE(found->parent.has_value());
  EXPECT_FALSE(found->pinned);
  EXPECT_GT(found->bytes, 0);
  ASSERT_TRUE(found->expires_at.has_value());
  EXPECT_GT(*found->expires_at - found->created_at, 3500s);
  EXPECT_EQ(m.get(first.id)->content, json(notes{"plan", {"one", "two"}}));
  EXPECT_THROW((void)m.get<int>(first.id), json::exception);
  try {
    m.create(name, notes{}, options);
    FAIL() << "there is a head";
  } catch (const stash::server_error& failed) {
    EXPECT_EQ(failed.sqlstate(), "40001");
  }
}

TEST_F(memory, time_travel) {
  const std::string first = made(name, {{"n", 1}});
  const auto then = m.get(first)->created_at;
  const auto second = m.create(name, json{{"n", 2}});
  EXPECT_EQ(second.version, 2);
  const auto same = m.create(name, json{{"n", 2}});
  EXPECT_TRUE(same.deduplicated);
  EXPECT_EQ(same.id, second.id);
  EXPECT_EQ(m.get(second.id)->parent, first);
  EXPECT_FALSE(m.get(second.id)->embedding.has_value());
  EXPECT_EQ(m.get_at(name)->content, json({{"n", 2}}));
  using counts = std::map<std::string, int>;
  EXPECT_EQ(m.get_at<counts>(name, "default", then)->content.at("n"), 1);
  EXPECT_FALSE(m.get_at(name, "default", then - 1h).has_value());
  EXPECT_FALSE(m.get_at(name, "nothing like it").has_value());
  const std::string back = m.restore(first, "it was better");
  const auto restored = m.get(back);
  EXPECT_EQ(restored->content, json({{"n", 1}}));
  EXPECT_EQ(restored->origin, first);
  EXPECT_EQ(restored->note, "it was better");
  const auto history = m.history(back, 2);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].id, back);
  EXPECT_EQ(history[1].id, second.id);
}

TEST_F(memory, differences_are_patches) {
  const json before{{"kept", 1}, {"gone", true}, {"list", {1, 2, 3}}};
  const json after{{"kept", 2}, {"new", nullptr}, {"list", {1, 3, 4}}};
  const std::string a = made(name, before);
  const std::string b = made(name, after);
  const auto changes = m.diff(a, b);
  EXPECT_FALSE(changes.empty());
  EXPECT_EQ(before.patch(stash::to_patch(changes)), after);
  EXPECT_EQ(after.patch(stash::to_patch(m.diff(b, a))), before);
  EXPECT_TRUE(m.diff(a, a).empty());
  EXPECT_THROW((void)m.diff(a, nobody), stash::server_error);
}

TEST_F(memory, pages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; i++)
    ids.push_back(made(name, i, {.metadata = json{{"odd", i % 2 == 1}}, .tags = {"t"}}));
  std::vector<std::string> seen;
  std::optional<std::string> after;
  for (auto page = m.list({.agent_id = name}, after, 2); !page.empty();
       page = m.list({.agent_id = name}, after, 2)) {
    for (const stash::snapshot_info& each : page) seen.push_back(each.id);
    after = seen.back();
  }
  EXPECT_EQ(seen, std::vector<std::string>(ids.rbegin(), ids.rend()));
  EXPECT_EQ(m.list({.agent_id = name, .tags = {"t"}}).size(), 5u);
  EXPECT_EQ(m.list({.agent_id = name, .metadata = json{{"odd", true}}}).size(), 2u);
  EXPECT_TRUE(m.list({.agent_id = name, .key = "other"}).empty());
  EXPECT_THROW((void)m.list({}, {}, 0), stash::server_error);
}

TEST_F(memory, forks_and_deletes) {
  const std::string id = made(name, {{"shared", std::string(5000, 'x')}});
  const std::string forked = m.fork(id, name + "b");
  EXPECT_EQ(m.get(forked)->parent, id);
  EXPECT_EQ(m.get(m.fork(id, name + "b", "other"))->key, "other");
  EXPECT_THROW(m.fork(nobody, name + "b"), stash::server_error);
  EXPECT_TRUE(m.pin(id));
  EXPECT_TRUE(m.get(id)->pinned);
  try {
    m.erase(id);
    FAIL() << "it is pinned";
  } catch (const stash::server_error& failed) {
    EXPECT_EQ(failed.sqlstate(), "55006");
  }
  EXPECT_TRUE(m.pin(id, false));
  EXPECT_TRUE(m.erase(id));
  EXPECT_FALSE(m.erase(id));
  EXPECT_FALSE(m.pin(id));
  EXPECT_FALSE(m.get(id).has_value());
  EXPECT_TRUE(m.get(forked).has_value());
}

TEST_F(memory, clean_ups_and_figures) {
  for (int i = 0; i < 4; i++) made(name, {{"n", i}});
  const stash::snapshot_statistics figures = m.statistics(name);
  EXPECT_EQ(figures.keys, 1);
  EXPECT_EQ(figures.versions, 4);
  EXPECT_GT(figures.stored_bytes, 0);
  EXPECT_TRUE(figures.ratio.has_value());
  EXPECT_FALSE(m.statistics(name + "nobody").ratio.has_value());
  const auto counted = m.cleanup({.keep_last = 1, .agent_id = name, .dry_run = true});
  EXPECT_EQ(counted.versions, 3);
  EXPECT_GT(counted.bytes, 0);
  EXPECT_EQ(m.statistics(name).versions, 4);
  EXPECT_EQ(m.cleanup({.keep_last = 1, .agent_id = name, .batch = 2}).versions, 2);
  EXPECT_EQ(m.cleanup({.older_than = 3600s, .agent_id = name}).versions, 0);
  EXPECT_EQ(m.cleanup({.agent_id = name}).versions, 0);
  EXPECT_EQ(m.statistics(name).versions, 2);
}

TEST_F(memory, travels_as_a_document) {
  made(name, {{"n", 1}});
  made(name, {{"n", 2}}, {.embedding = std::vector<float>{1, 2}});
  made(name, "elsewhere", {.key = "k"});
  const json document = m.export_history(name);
  EXPECT_EQ(m.export_history(name, "k").at("snapshots").size(), 1u);
  EXPECT_EQ(m.import_history(document, name + "copy"), 3);
  EXPECT_EQ(m.get_at(name + "copy")->content, json({{"n", 2}}));
  EXPECT_EQ(m.get_at(name + "copy")->embedding, (std::vector<float>{1, 2}));
  EXPECT_THROW(m.import_history(document), stash::server_error);
}

TEST_F(memory, search) {
  client.admin().configure_memory_search("english", name);
  const std::string lamp = made(name, {{"text", "The lamp is broken"}},
                                {.key = "lamp", .embedding = std::vector<float>{1, 0}});
  const std::string desk =
      made(name, {{"text", "A desk without a lamp"}},
           {.key = "desk", .tags = {"wood"}, .embedding = std::vector<float>{0, 1}});
  const stash::memory_search_options here{.agent_id = name};
  const auto by_text = m.search_text("broken lamps", here);
  ASSERT_EQ(by_text.size(), 1u);
  EXPECT_EQ(by_text[0].id, lamp);
  EXPECT_EQ(by_text[0].key, "lamp");
  EXPECT_EQ(by_text[0].engine, "text");
  EXPECT_TRUE(by_text[0].text_rank.has_value());
  EXPECT_FALSE(by_text[0].distance.has_value());
  const auto nearest = m.search_nearest(std::vector<float>{0, 2}, here);
  ASSERT_EQ(nearest.size(), 2u);
  EXPECT_EQ(nearest[0].id, desk);
  EXPECT_NEAR(*nearest[0].distance, 0, 1e-9);
  EXPECT_NEAR(*nearest[1].distance, 1, 1e-9);
  EXPECT_EQ(nearest[0].tags, std::vector<std::string>{"wood"});
  const auto fused = m.search("lamp", std::vector<float>{0, 1}, here);
  ASSERT_EQ(fused.size(), 2u);
  EXPECT_EQ(fused[0].engine, "hybrid-local");
  EXPECT_GE(fused[0].score, fused[1].score);
  stash::memory_search_options narrow{.agent_id = name, .max_rows = 1};
  EXPECT_EQ(m.search_text("lamp", narrow).size(), 1u);
  narrow.filter = json{{"key", "desk"}};
  EXPECT_EQ(m.search_text("lamp", narrow)[0].id, desk);
  EXPECT_THROW((void)m.search_nearest({}, here), stash::server_error);
  EXPECT_TRUE(client.admin().reset_memory_search(name));
}

TEST_F(memory, without_exceptions_and_in_transactions) {
  auto quiet = client.nothrow().memory();
  EXPECT_FALSE(quiet.get(nobody).value().has_value());
  EXPECT_EQ(quiet.diff(nobody, nobody).error().sqlstate(), "42704");
  const auto id = quiet.create(name, json("text")).value().id;
  EXPECT_EQ(quiet.get<int>(id).error().kind(), stash::failure_kind::value);
  EXPECT_THROW(client.transact([&](stash::transaction& work) {
    EXPECT_TRUE(work.memory().erase(id));
    throw std::runtime_error("on second thoughts");
  }),
               std::runtime_error);
  EXPECT_TRUE(m.get(id).has_value());
}

TEST_F(memory, in_a_pipeline) {
  stash::connection on({});
  stash::pipeline batch(on);
  std::vector<stash::pending<stash::created_snapshot>> each;
  for (int i = 0; i < 10; i++)
    each.push_back(batch.memory().create(name, i, {.key = "k" + std::to_string(i)}));
  const auto head = batch.memory().get_at<int>(name, "k7");
  const auto listed = batch.memory().list({.agent_id = name});
  batch.run();
  EXPECT_EQ(head.get()->content, 7);
  EXPECT_EQ(head.get()->id, each[7].get().id);
  EXPECT_EQ(listed.get().size(), 10u);
}

TEST_F(memory, in_coroutines) {
  stash::async::event_loop loop;
  stash::async::client c(loop, {.conninfo = "", .max_size = 3});
  const auto work = [&]() -> stash::async::task<int> {
    stash::snapshot_options options;
    options.embedding = std::vector<float>{3, 4};
    const auto made = co_await c.memory().create(name, 1, options);
    (void)co_await c.memory().fork(made.id, name + "b");
    stash::memory_search_options of_one, of_another;
    of_one.agent_id = name;
    of_another.agent_id = name + "b";
    const std::vector<float> near{3, 4};
    const auto [one, another] = co_await stash::async::when_all(
        c.memory().search_nearest(near, of_one), c.memory().search_nearest(near, of_another));
    EXPECT_EQ(one.at(0).id, made.id);
    EXPECT_EQ(another.at(0).agent_id, name + "b");
    const auto missed = co_await c.nothrow().memory().fork(nobody, name);
    EXPECT_EQ(missed.error().sqlstate(), "42704");
    const auto found = co_await c.memory().get<int>(made.id);
    co_return found->content;
  };
  EXPECT_EQ(loop.run(work()), 1);
}

}  // namespace

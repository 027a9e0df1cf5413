// Typed calls in pipelines.
#include "server.hpp"

namespace {

using namespace test;
using stash::failure_kind;
using stash::json;

class pipelines : public with_client {
 protected:
  stash::connection on{{}};
  const stash::set_options fresh{.fresh = true};
};

TEST_F(pipelines, typed_calls_answer_by_their_handles) {
  stash::pipeline batch(on);
  auto cache = batch.cache(name);
  const auto set = cache.set("k", 5, fresh);
  const auto found = cache.get<int>("k");
  const auto missed = cache.get<int>("no");
  const auto made = batch.sessions().create({.user_id = name});
  const auto version = batch.admin().version();
  batch.add("SELECT $1", 7);
  EXPECT_EQ(batch.size(), 6u);
  EXPECT_FALSE(found.ready());
  EXPECT_THROW((void)found.get(), stash::usage_error);
  EXPECT_EQ(found.try_get().error().kind(), failure_kind::usage);
  const auto in_order = batch.run();
  ASSERT_EQ(in_order.size(), 1u);
  EXPECT_EQ(in_order[0].integer(0, 0), 7);
  EXPECT_TRUE(set.get().has_value());
  EXPECT_TRUE(found.ready());
  EXPECT_EQ(found.get(), 5);
  EXPECT_EQ(found.try_get().value(), 5);
  EXPECT_FALSE(missed.get().has_value());
  EXPECT_FALSE(made.get().token.empty());
  EXPECT_EQ(version.get(), client.admin().version());
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(client.sessions().bulk_delete(std::nullopt, {.user_id = name}), 1);
}

TEST_F(pipelines, handles_know_the_error) {
  stash::pipeline batch(on);
  const auto before = batch.cache(name).incr("n");
  const auto refused = batch.cache("nothing_like_it").incr("n");
  const auto behind = batch.cache(name).incr("n");
  EXPECT_THROW(batch.run(), stash::server_error);
  EXPECT_EQ(before.get(), 1);
  EXPECT_THROW((void)refused.get(), stash::server_error);
  EXPECT_EQ(behind.try_get().error().sqlstate(), refused.try_get().error().sqlstate());
  EXPECT_EQ(batch.cache(name).get<int>("n").ready(), false);
  EXPECT_TRUE(batch.run().empty());
}

TEST_F(pipelines, values_that_do_not_fit) {
  client.cache(name).set("k", "text", fresh);
  stash::pipeline batch(on);
  const auto found = batch.cache(name).get<int>("k");
  batch.run();
  EXPECT_THROW((void)found.get(), json::exception);
  EXPECT_EQ(found.try_get().error().kind(), failure_kind::value);
}

// Small and large ones, with the same text and with others, prepared and not, typed and in order.
TEST_F(pipelines, of_many_kinds) {
  client.cache(name).set("k", "value", fresh);
  for (const bool prepared : {true, false}) {
    stash::connection mine({.prepared_statements = prepared});
    std::vector<stash::pending<std::optional<std::string>>> found;
    std::vector<stash::pending<bool>> touched;
    std::vector<stash::result> rows;
    {
      stash::pipeline batch(mine);
      auto cache = batch.cache(name);
      for (std::size_t i = 0; i < 3000; i++) {
        if (i % 3 == 0) touched.push_back(cache.touch("k"));
        found.push_back(cache.get<std::string>(i % 2 == 0 ? "k" : "none"));
        const std::string large(i % 100 == 0 ? 100'000 : i, 'x');
        batch.add("SELECT $1, $2", large, static_cast<std::int64_t>(i)).add("SELECT 1 WHERE false");
      }
      rows = batch.run();
    }
    ASSERT_EQ(rows.size(), 6000u);
    for (std::size_t i = 0; i < 3000; i++) {
      ASSERT_EQ(rows[2 * i].raw(0, 0).size(), i % 100 == 0 ? 100'000 : i);
      ASSERT_EQ(rows[2 * i].integer(0, 1), static_cast<std::int64_t>(i));
      ASSERT_TRUE(rows[2 * i + 1].empty());
      ASSERT_EQ(found[i].get(), i % 2 == 0 ? std::optional<std::string>("value") : std::nullopt);
    }
    EXPECT_THROW((void)rows[0].text(0, 2), stash::usage_error);
    EXPECT_THROW((void)rows[0].json_text(1, 0), stash::usage_error);
    for (const auto& each : touched) EXPECT_TRUE(each.get());
    // One that is left of all results, and of all handles.
    const stash::result last = std::move(rows[4001]);
    const auto handle = found[2000];
    rows.clear();
    found.clear();
    touched.clear();
    EXPECT_EQ(last.columns(), 1);
    EXPECT_EQ(handle.get(), "value");
  }
}

TEST_F(pipelines, calls_that_return_nothing) {
  stash::pipeline batch(on);
  const auto made = batch.admin().create_namespace(name + "y");
  EXPECT_THROW(made.get(), stash::usage_error);
  batch.run();
  made.get();
  EXPECT_TRUE(made.try_get().has_value());
  const auto again = batch.admin().create_namespace(name + "y");
  EXPECT_THROW(batch.run(), stash::server_error);
  EXPECT_THROW(again.get(), stash::server_error);
  EXPECT_FALSE(again.try_get().has_value());
  EXPECT_TRUE(client.admin().drop_namespace(name + "y"));
}

TEST_F(pipelines, have_a_deadline) {
  stash::pipeline batch(on);
  batch.add("SELECT 1").add("SELECT pg_sleep(30)").add("SELECT 2");
  EXPECT_THROW(batch.run(100ms), stash::timeout_error);
  EXPECT_EQ(batch.add("SELECT 7").run(10s)[0].integer(0, 0), 7);
}

TEST_F(pipelines, copy_is_refused) {
  stash::pipeline batch(on);
  batch.add("COPY (SELECT 1) TO STDOUT");
  EXPECT_THROW(batch.run(), stash::error);
  EXPECT_FALSE(on.check());
  stash::connection other({});
  EXPECT_THROW(other.command("COPY (SELECT 1) TO STDOUT"), stash::usage_error);
  EXPECT_FALSE(other.usable());
}

TEST_F(pipelines, are_prepared_anew_after_discard) {
  stash::pipeline batch(on);
  EXPECT_EQ(batch.add("SELECT 1").run()[0].integer(0, 0), 1);
  on.command("DISCARD ALL");
  // What is gone on the server is found out by the first that fails, outside of pipelines.
  EXPECT_THROW(batch.add("SELECT 1").run(), stash::server_error);
  EXPECT_EQ(on.execute("SELECT 1").integer(0, 0), 1);
  EXPECT_EQ(batch.add("SELECT 1").run()[0].integer(0, 0), 1);
}

}  // namespace

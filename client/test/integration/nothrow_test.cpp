// Calls that return failures instead of throwing them.
#include "async_fixture.hpp"

namespace {

using namespace test;
using stash::failure_kind;
using stash::json;

class nothrow : public with_async_client<own_loop> {
 protected:
  stash::connection on{{}};
};

TEST_F(nothrow, returns_values) {
  auto cache = client.nothrow().cache(name);
  EXPECT_FALSE((*cache.get<int>("k")).has_value());
  EXPECT_TRUE(cache.set("k", 1, fresh).value().has_value());
  EXPECT_EQ(*cache.get<int>("k"), 1);
  EXPECT_EQ(cache.incr("n").value_or(-1), 1);
  EXPECT_TRUE(*cache.exists("k"));
  const std::vector<std::string> keys{"k", "no"};
  EXPECT_EQ((*cache.get_many<int>(keys))[0], 1);
  const std::vector<json> values{2, 3};
  EXPECT_EQ(*cache.set_many(keys, values, fresh), 2);
  EXPECT_FALSE((*client.nothrow().sessions().get_by_token(stash::secret("unknown"))).has_value());
  EXPECT_EQ(client.nothrow().execute("SELECT $1", 7)->integer(0, 0), 7);
  EXPECT_TRUE(client.nothrow().admin().create_namespace(name + "x").has_value());
  EXPECT_TRUE(*client.nothrow().admin().drop_namespace(name + "x"));
}

// A value and a failure of each family of calls, for threads and for coroutines.
template <typename Calls, typename Answer>
void expect_every_family(Calls calls, const std::string& name, Answer answer) {
  const std::string nobody = "00000000-0000-0000-0000-000000000000";
  const std::vector<float> up{0, 1}, flat{1, 0, 0};
  EXPECT_TRUE(answer(calls.cache(name).exists("k")).has_value());
  EXPECT_EQ(answer(calls.cache("nothing_like_it").exists("k")).error().kind(),
            failure_kind::server);
  EXPECT_FALSE(answer(calls.sessions().get(nobody)).value().has_value());
  EXPECT_EQ(answer(calls.sessions().get("no uuid")).error().sqlstate(), "22P02");
  EXPECT_FALSE(answer(calls.memory().get(nobody)).value().has_value());
  EXPECT_EQ(answer(calls.memory().fork(nobody, name)).error().kind(), failure_kind::server);
  EXPECT_NEAR(answer(calls.vectors().distance(up, up)).value(), 0, 1e-6);
  EXPECT_EQ(answer(calls.vectors().distance(up, flat)).error().sqlstate(), "22023");
  EXPECT_TRUE(answer(calls.admin().preloaded()).has_value());
  const auto nothing = answer(calls.admin().create_namespace(name));
  EXPECT_FALSE(nothing.has_value());
  EXPECT_THROW(nothing.value(), stash::server_error);
  EXPECT_EQ(answer(calls.execute("SELECT 1 / 0")).error().sqlstate(), "22012");
}

TEST_F(nothrow, every_family_of_calls) {
  const auto at_once = [](auto found) { return found; };
  expect_every_family(client.nothrow(), name, at_once);
  expect_every_family(c.nothrow(), name, [&](auto task) { return run(std::move(task)); });
  // The last of them breaks the transaction, each failure before it would too: in savepoints.
  stash::transaction work(on);
  expect_every_family(work.nothrow(), name, [&](auto found) {
    if (!found) work.execute("ROLLBACK TO SAVEPOINT s");
    work.execute("SAVEPOINT s");
    return found;
  });
}

TEST_F(nothrow, returns_failures) {
  const auto refused = client.nothrow().cache("nothing_like_it").get<int>("k");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), failure_kind::server);
  EXPECT_EQ(refused.error().sqlstate().size(), 5u);
  EXPECT_THROW((void)refused.value(), stash::server_error);
  EXPECT_FALSE(client.nothrow().admin().create_namespace(name));
  client.cache(name).set("k", "text", fresh);
  EXPECT_EQ(client.nothrow().cache(name).get<int>("k").error().kind(), failure_kind::value);
}

TEST_F(nothrow, returns_what_the_pool_says) {
  stash::client one({.max_size = 1, .acquire_timeout = 50ms});
  auto held = one.connections().acquire();
  EXPECT_EQ(one.nothrow().cache().exists("k").error().kind(), failure_kind::timeout);
  held.release();
  one.connections().close();
  EXPECT_EQ(one.nothrow().cache().exists("k").error().kind(), failure_kind::usage);
  stash::client nobody({.conninfo = "host=/nowhere"});
  const auto lost = nobody.nothrow().cache().exists("k");
  EXPECT_TRUE(lost.error().connection_lost());
  EXPECT_TRUE(lost.error().retryable());
}

TEST_F(nothrow, reads_are_done_again_on_another_connection) {
  stash::client mine(options(1));
  const int process = mine.connections().acquire()->server_process();
  kill_process(process);
  EXPECT_TRUE(mine.nothrow().cache().exists("k").has_value());
}

TEST_F(nothrow, in_a_transaction) {
  stash::transaction work(on);
  EXPECT_EQ(*work.nothrow().cache(name).incr("n"), 1);
  EXPECT_EQ(work.nothrow().execute("SELECT 1 / 0").error().sqlstate(), "22012");
  work.rollback();
  EXPECT_EQ(work.nothrow().execute("SELECT 1").error().kind(), failure_kind::usage);
}

}  // namespace

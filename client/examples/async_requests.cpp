// Many requests at once on one thread: coroutines, deadlines, a pipeline, a transaction.
//
// Connects as libpq does by default (PGHOST, PGDATABASE, ...), or to the conninfo given as the
// first argument. Needs CREATE EXTENSION pg_stash in that database.
#include <iostream>

#include "stash/async.hpp"

using stash::async::task;
using namespace std::chrono_literals;

namespace {

// What a handler of requests would do: who is it, what do they see, count it.
task<std::string> handle(stash::async::client& client, const stash::secret& token) {
  // Each of these may take 2 s, waiting for a connection included.
  const auto calls = client.within(2s);
  const auto found = co_await calls.sessions().get_by_token(token);
  if (!found) co_return std::string("please log in");

  // One request computes the page, those that come meanwhile wait without holding a connection.
  stash::fetch_options for_a_minute;
  for_a_minute.ttl = stash::seconds{60};
  const auto compute = [&]() -> task<std::string> {
    const auto rows = co_await calls.execute("SELECT 'three news'::text");
    co_return rows.text(0, 0);
  };
  const std::string page =
      co_await calls.cache().fetch_or_compute<std::string>("example:page", compute, for_a_minute);
  (void)co_await calls.cache().incr("example:views");
  co_return *found->user_id + " sees " + page;
}

task<void> serve(stash::async::client& client) {
  // Options have a name in coroutines: of braces in a co_await, g++ 12.2 makes programs that
  // abort.
  stash::session_options of_ann;
  of_ann.user_id = "ann";
  const auto session = co_await client.sessions().create(of_ann);

  // A hundred requests at once, on four connections.
  std::vector<task<std::string>> requests;
  for (int i = 0; i < 100; i++) requests.push_back(handle(client, session.token));
  const auto answers = co_await stash::async::when_all(std::move(requests));
  std::cout << answers.size() << " answers, the last one: " << answers.back() << '\n';

  // Calls in one round trip, on one connection.
  {
    const auto on = co_await client.connections().acquire();
    stash::async::pipeline batch(*on);
    const auto views = batch.cache().get<int>("example:views");
    const auto gone = batch.cache().erase("example:views");
    co_await batch.run();
    std::cout << "views: " << views.get().value_or(0) << ", removed: " << std::boolalpha
              << gone.get() << '\n';
  }

  // The application's own SQL and the calls in one commit.
  co_await client.transact([&](stash::async::transaction& work) -> task<void> {
    (void)co_await work.execute("CREATE TEMPORARY TABLE IF NOT EXISTS log (line text)");
    (void)co_await work.execute("INSERT INTO log VALUES ($1)", "log-out");
    (void)co_await work.sessions().erase(session.id, "log-out");
    (void)co_await work.cache().erase("example:page");
  });
  std::cout << co_await handle(client, session.token) << '\n';

  // A call that takes too long is cancelled on the server; its connection stays.
  const auto slow = co_await client.nothrow().within(100ms).execute("SELECT pg_sleep(30)");
  std::cout << slow.error().message() << '\n';
}

}  // namespace

int main(int count, char** arguments) {
  try {
    stash::async::event_loop loop;
    stash::async::client client(loop, {.conninfo = count > 1 ? arguments[1] : "", .max_size = 4});
    loop.run(serve(client));
  } catch (const stash::error& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}

// The asynchronous client on Asio's event loop.
#include <asio.hpp>
#include <future>

#include "async_fixture.hpp"
#include "stash/async/asio.hpp"

namespace {

using namespace test;

struct asios_loop {
  // Runs a task as an Asio program would, to its end.
  template <typename T>
  T run(task<T> work) {
    auto future = stash::async::start(loop, std::move(work), asio::use_future);
    context.restart();
    // Not run(): the pool's own timer keeps the context at work until the pool is closed.
    while (future.wait_for(0s) != std::future_status::ready) context.run_one();
    if constexpr (std::is_void_v<T>)
      future.get();
    else
      return std::move(*future.get());
  }

  asio::io_context context;
  stash::async::asio_reactor loop{context.get_executor()};
};

class on_asio : public with_async_client<asios_loop> {
 protected:
  asio::io_context& context = runs.context;
};

TEST_F(on_asio, typed_calls_within_asios_own_coroutines) {
  std::optional<int> seen;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        (void)co_await stash::async::start(loop, c.cache(name).set("k", 5, fresh),
                                           asio::use_awaitable);
        const auto found =
            co_await stash::async::start(loop, c.cache(name).get<int>("k"), asio::use_awaitable);
        seen = *found;
      },
      [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
      });
  while (!seen) context.run_one();
  EXPECT_EQ(seen, 5);
  // Closed, nothing of the client keeps the context at work.
  c.connections().close();
  context.run();
}

TEST_F(on_asio, errors_deadlines_and_stops) {
  EXPECT_THROW((void)run(c.cache("nothing_like_it").get<int>("k")), stash::server_error);
  EXPECT_THROW((void)run(c.within(100ms).execute("SELECT pg_sleep(30)")), stash::timeout_error);
  std::stop_source stop;
  std::thread other([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  EXPECT_THROW((void)run(c.stopped_by(stop.get_token()).execute("SELECT pg_sleep(30)")),
               stash::cancelled_error);
  other.join();
  EXPECT_EQ(run(c.execute("SELECT 1")).integer(0, 0), 1);
  EXPECT_EQ(c.connections().statistics().created, 1u);
}

TEST_F(on_asio, many_at_once_large_ones_too) {
  std::vector<task<std::int64_t>> all;
  for (int i = 0; i < 100; i++) all.push_back(c.cache(name).incr("n"));
  EXPECT_EQ(run(stash::async::when_all(std::move(all))).size(), 100u);
  EXPECT_EQ(client.cache(name).get<int>("n"), 100);
  const std::string large(5'000'000, 'y');
  EXPECT_EQ(run(c.execute("SELECT $1::text", large)).raw(0, 0).size(), large.size());
}

TEST_F(on_asio, transactions_and_killed_connections) {
  int attempts = 0;
  run(c.transact([&](stash::async::transaction& work) -> task<void> {
    (void)co_await work.cache(name).set("k", 1, fresh);
    if (attempts++ == 0)
      (void)co_await work.execute("SELECT pg_terminate_backend(pg_backend_pid())");
  }));
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(client.cache(name).get<int>("k"), 1);
}

TEST_F(on_asio, on_a_strand_of_several_threads) {
  asio::thread_pool threads(3);
  stash::async::asio_reactor strand(asio::make_strand(threads.get_executor()));
  std::optional<stash::async::client> mine;
  std::promise<std::vector<std::int64_t>> done;
  asio::post(strand.get_executor(), [&] {
    mine.emplace(strand, few(2));
    std::vector<task<std::int64_t>> all;
    for (int i = 0; i < 50; i++) all.push_back(mine->cache(name).incr("n"));
    stash::async::start(strand, stash::async::when_all(std::move(all)),
                        [&](std::exception_ptr, std::optional<std::vector<std::int64_t>> values) {
                          mine.reset();
                          done.set_value(values.value_or(std::vector<std::int64_t>()));
                        });
  });
  EXPECT_EQ(done.get_future().get().size(), 50u);
  threads.join();
}

}  // namespace

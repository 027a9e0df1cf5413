// See stash/health_monitor.hpp.
//
// The thread runs an event loop with one coroutine: so all servers are asked at once, a server that
// does not answer is given up on time, and a request to stop ends whatever it waits for.
//
// Lock: `mutex` guards `latest`. The rest is fixed, or belongs to the thread; the loop is made
// before the thread and destroyed, with what still waits in it, behind it.
#include "stash/health_monitor.hpp"

#include <mutex>
#include <thread>

#include "pool_state.hpp"
#include "stash/async/connection.hpp"
#include "stash/async/event_loop.hpp"
#include "stash/async/sleep.hpp"
#include "stash/async/when_all.hpp"

namespace stash {

using async::task;

struct health_monitor::state {
  // The words of the pool, and the connection that is kept from one round to the next.
  struct server {
    connection_options words;
    std::unique_ptr<async::connection> link;
  };
  struct finding {
    std::optional<failure> why;
    bool standby = false;
    std::chrono::nanoseconds took{0};
  };

  task<void> run();
  task<finding> check(server& one);
  task<expected<result>> ask(server& one);
  void publish(const std::vector<finding>& found);

  std::vector<monitored_pool> pools;
  health_options options;
  mutable std::mutex mutex;
  std::vector<health_report> latest;
  async::event_loop loop;
  std::jthread thread;
};

health_monitor::health_monitor(std::vector<monitored_pool> pools, health_options options)
    : state_(std::make_unique<state>()) {
  if (pools.empty()) throw usage_error("a monitor needs at least one pool");
  if (options.every.count() <= 0 || options.timeout.count() <= 0)
    throw usage_error("every and timeout must be greater than 0");
  state_->pools = std::move(pools);
  state_->options = std::move(options);
  state_->thread = std::jthread([mine = state_.get()](const std::stop_token& stop) {
    mine->loop.spawn(mine->run());
    constexpr std::chrono::hours long_enough{24};
    while (mine->loop.run(async::sleep_for(mine->loop, long_enough, stop))) continue;
  });
}

health_monitor::~health_monitor() = default;

std::vector<health_report> health_monitor::reports() const {
  const std::lock_guard lock(state_->mutex);
  return state_->latest;
}

task<void> health_monitor::state::run() {
  std::vector<server> servers;
  for (const monitored_pool& each : pools) {
    const pool_options& like = each.connections.state_->options;
    servers.push_back({{like.conninfo, false, like.connect_timeout}, nullptr});
  }
  for (;;) {
    std::vector<task<finding>> checks;
    checks.reserve(servers.size());
    for (server& each : servers) checks.push_back(check(each));
    const std::vector<finding> found = co_await async::when_all(std::move(checks));
    publish(found);
    co_await async::sleep_for(loop, options.every);
  }
}

// Nobody is asked to cancel: a connection that does not answer is closed.
task<expected<result>> health_monitor::state::ask(server& one) {
  async::call_limits how;
  how.timeout = options.timeout;
  how.cancel_patience = std::chrono::milliseconds{0};
  std::optional<failure> refused;
  if (one.link == nullptr) {
    try {
      one.link = co_await async::connection::open(loop, one.words, how);
    } catch (const error& failed) {
      refused = failed.why();
    }
  }
  if (refused) co_return *refused;
  parameters none;
  std::string sql = "SELECT pg_is_in_recovery()";
  expected<result> rows = co_await one.link->try_execute(std::move(sql), std::move(none), how);
  if (!rows) one.link.reset();
  co_return rows;
}

task<health_monitor::state::finding> health_monitor::state::check(server& one) {
  const auto begun = std::chrono::steady_clock::now();
  const bool kept = one.link != nullptr;
  expected<result> rows = co_await ask(one);
  // One that broke since the last round says little: somebody may have ended just that one.
  if (!rows && kept && rows.error().connection_lost()) rows = co_await ask(one);
  finding found;
  found.took = std::chrono::steady_clock::now() - begun;
  if (rows)
    found.standby = rows->boolean(0, 0);
  else
    found.why = rows.error();
  co_return found;
}

void health_monitor::state::publish(const std::vector<finding>& found) {
  const time_point now = clock::now();
  std::vector<health_report> reports = latest;  // nobody else writes it
  const bool first = reports.empty();
  reports.resize(pools.size());
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < found.size(); i++) {
    health_report& mine = reports[i];
    const bool up = !found[i].why;
    const bool standby = up ? found[i].standby : mine.standby;
    if (first || up != mine.up || standby != mine.standby) {
      changed.push_back(i);
      mine.since = now;
    }
    mine.name = pools[i].name;
    mine.up = up;
    mine.standby = standby;
    mine.why = found[i].why;
    mine.took = found[i].took;
    mine.checked = now;
    mine.checks++;
    mine.failures += up ? 0 : 1;
    mine.pool = pools[i].connections.statistics();
  }
  {
    const std::lock_guard lock(mutex);
    latest = reports;
  }
  if (options.on_change)
    for (const std::size_t each : changed) options.on_change(reports[each]);
  if (options.on_report) options.on_report(reports);
}

}  // namespace stash

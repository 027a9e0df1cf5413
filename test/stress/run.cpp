// The threads and what they choose to do. Every thread has its own random numbers, counters and
// Redis connection; everything else is shared. A thread ends at the deadline or when the server is
// gone; unexpected SQL errors are failures but do not stop the run.
#include "run.hpp"

#include <atomic>
#include <cstdio>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "aside.hpp"
#include "operations.hpp"
#include "report.hpp"

namespace stress {
namespace {

// Errors in a row after which a thread gives up: the server does not work at all.
constexpr int most_errors = 50;

void read_stash(worker& w) {
  const int64_t dice = w.below(100);
  const subject s = w.any_key();
  if (dice < 14) return fill_by_statements(w, s);
  if (dice < 30) return fill_through_pool(w, s);
  if (dice < 42) return fill_in_statement(w, s);
  if (dice < 58) return fill_in_transaction(w, s);
  if (dice < 68) return fill_by_fetch(w, s);
  if (dice < 78) return fill_with_lease(w, s);
  if (dice < 82) return fill_in_procedure(w, s);
  if (dice < 86) return fill_many(w, s);
  if (dice < 97) return read_in_snapshot(w);
  return read_in_imported_snapshot(w);
}

void read_redis(worker& w) {
  if (w.chance(85)) {
    read_aside(w, w.any_key());
  } else {
    read_aside_in_snapshot(w);
  }
}

// Deletes from the cache, though nothing changed: makes readers miss keys that are quiet.
void drop(worker& w) {
  const subject s = w.any_key();
  ++w.counts.dropped;
  if (w.redis != nullptr) return delete_aside(w, s);
  auto one = w.borrow();
  one->run(cache_delete, {w.called.key(s)});
}

void operate(worker& w) {
  const int64_t dice = w.below(100);
  if (dice < w.chosen.writes_percent) return write(w);
  if (dice >= 98) return drop(w);
  w.redis != nullptr ? read_redis(w) : read_stash(w);
}

void work(worker& w, const std::atomic<bool>& stop) {
  int errors = 0;
  while (!stop && !w.connections.server_lost() && errors < most_errors) {
    try {
      operate(w);
      errors = 0;
    } catch (const sql_error& error) {
      if (error.retryable()) {
        ++w.counts.retries;
        continue;
      }
      ++errors;
      w.fail(failure_kind::error, {}, "operation", isolation::read_committed, {}, {}, 0,
             error.what());
    }
  }
}

}  // namespace

bool run(const options& chosen) {
  const bool redis = chosen.mode == cache_kind::redis;
  double guard = chosen.guard_seconds;
  {
    connection one(chosen.conninfo);
    create_schema(one, chosen.keys, !redis);
    if (guard == 0) guard = ask_guard(one);
  }
  names called;
  called.run = std::to_string(std::time(nullptr));
  pool connections(chosen.conninfo, chosen.connections);
  ledger known(chosen.keys, guard);
  failure_log failures;
  const int threads = chosen.connections / 2;
  std::vector<std::unique_ptr<redis_client>> clients;
  std::vector<std::unique_ptr<worker>> workers;
  for (int i = 0; i <= threads; ++i) {  // one more for the last look
    if (redis) clients.push_back(std::make_unique<redis_client>(chosen.redis_socket));
    workers.push_back(std::unique_ptr<worker>(new worker{
        chosen, guard, called, connections, known, failures, redis ? clients.back().get() : nullptr,
        std::mt19937_64(chosen.seed * 1000 + static_cast<uint64_t>(i)),
        static_cast<int64_t>(i) << 40, tally()}));
  }
  if (redis) clients.front()->flush();
  if (!redis && chosen.seconds < known.shortest_useful_run()) {
    std::printf("note: a run of less than %.0f s stores no blind fills: coverage will be missed\n",
                known.shortest_useful_run());
  }

  std::atomic<bool> stop{false};
  known.start();
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] { work(*workers[i], stop); });
  }
  while (known.elapsed() < chosen.seconds && !connections.server_lost()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  stop = true;
  for (std::thread& one : running) one.join();
  const double seconds = known.elapsed();

  worker& last = *workers[threads];
  try {
    connection one(chosen.conninfo);
    forget_prepared(one);
    if (!redis) read_settled(last);
  } catch (const sql_error& error) {
    last.fail(failure_kind::error, {}, "last look", isolation::read_committed, {}, {}, 0,
              error.what());
  }
  tally sum;
  for (const auto& one : workers) sum.add(one->counts);
  const int64_t excused = failures.settle();
  return report(chosen, sum, failures, excused, seconds);
}

}  // namespace stress

// See stash/async/client.hpp.
#include "stash/async/client.hpp"

#include <algorithm>

#include "backoff.hpp"

namespace stash::async {

client::client(reactor& loop, pool_options pool, client_options options)
    : calls(run_async(*this)),
      loop_(&loop),
      connections_(loop, std::move(pool)),
      options_(std::move(options)) {
  if (options_.statistics == nullptr) options_.statistics = std::make_shared<call_statistics>();
}

client::~client() = default;

// While nobody can be reached, again for as long as the options say and the call's limits allow.
task<lease> client::acquire(call_limits how) {
  auto until = steady_clock::now() + options_.reconnect_for;
  if (how.timeout) until = std::min(until, steady_clock::now() + *how.timeout);
  for (int attempt = 1;; attempt++) {
    try {
      co_return co_await connections_.acquire(how);
    } catch (const connection_error&) {
      if (steady_clock::now() >= until || how.stop.stop_requested()) throw;
    }
    co_await pause_before_retry(std::min(attempt, stash::detail::longest_reconnect_pause), {},
                                how.stop);
  }
}

task<expected<result>> client::execute_once(const std::string& sql, const parameters& values,
                                            call_limits how) {
  const auto begun = steady_clock::now();
  std::optional<lease> on;
  std::optional<failure> refused;
  try {
    on.emplace(co_await acquire(how));
  } catch (const error& failed) {
    // Of the pool: closed, exhausted, cancelled, or nobody to connect to.
    refused = failed.why();
  }
  if (refused) co_return *refused;
  if (how.timeout) {
    const auto waited = std::chrono::floor<std::chrono::milliseconds>(steady_clock::now() - begun);
    how.timeout = std::max(*how.timeout - waited, std::chrono::milliseconds{0});
  }
  co_return co_await (*on)->try_execute(sql, values, how);
}

task<expected<result>> client::try_execute(std::string sql, parameters values, bool again,
                                           call_limits how) {
  const auto begun = steady_clock::now();
  if (!how.timeout) how.timeout = options_.call_timeout;
  for (int attempt = 1;; attempt++) {
    expected<result> rows = co_await execute_once(sql, values, how);
    if (rows || !again || !rows.error().connection_lost() || attempt >= options_.read_attempts ||
        how.stop.stop_requested()) {
      report_call(sql, begun, !rows, rows ? nullptr : &rows.error(), attempt);
      co_return rows;
    }
    co_await pause_before_retry(attempt, {}, how.stop);
  }
}

void client::report_call(std::string_view sql, steady_clock::time_point begun, bool failed,
                         const failure* why, int attempts) {
  const call_metrics one{sql, steady_clock::now() - begun, failed, why, attempts};
  options_.statistics->record(one);
  if (options_.on_call) options_.on_call(one);
}

void client::report(std::string_view sql, steady_clock::time_point begun,
                    const std::exception_ptr& failed, int attempts) {
  if (failed == nullptr) return report_call(sql, begun, false, nullptr, attempts);
  try {
    std::rethrow_exception(failed);
  } catch (const error& why) {
    report_call(sql, begun, true, &why.why(), attempts);
  } catch (...) {
    report_call(sql, begun, true, nullptr, attempts);
  }
}

std::string client::to_prometheus(const std::string& name) const {
  return stash::to_prometheus(connections_.statistics(), name) +
         stash::to_prometheus(*options_.statistics, name);
}

task<void> client::roll_back(transaction& mine) {
  try {
    co_await mine.rollback();
  } catch (const error&) {
    // The connection is broken; the server rolls back by itself.
  }
}

bool client::may_try_again(const std::exception_ptr& failed, bool committing, int attempt,
                           const transaction_options& options) {
  try {
    std::rethrow_exception(failed);
  } catch (const error& why) {
    // A COMMIT whose answer was lost may have happened: doing it again could do it twice.
    const bool unknown = committing && why.connection_lost();
    return why.retryable() && !unknown && attempt < options.attempts;
  } catch (...) {
    return false;
  }
}

task<void> client::pause_before_retry(int attempt, transaction_options options,
                                      std::stop_token stop) {
  const auto pause = stash::detail::backoff(attempt, options.first_pause);
  (void)co_await sleep_for(*loop_, pause, std::move(stop));
}

}  // namespace stash::async

// See stash/client.hpp.
#include "stash/client.hpp"

#include <algorithm>
#include <thread>

#include "backoff.hpp"

namespace stash {

client::client(pool_options pool_given, client_options options)
    : client(std::make_shared<pool>(std::move(pool_given)), std::move(options)) {}

client::client(std::shared_ptr<pool> shared, client_options options)
    : connections_(std::move(shared)), options_(std::move(options)) {
  if (options_.statistics == nullptr) options_.statistics = std::make_shared<call_statistics>();
}

client::~client() = default;

pooled_connection client::acquire() {
  if (options_.reconnect_for.count() == 0) return connections_->acquire();
  const auto until = std::chrono::steady_clock::now() + options_.reconnect_for;
  for (int attempt = 1;; attempt++) {
    try {
      return connections_->acquire();
    } catch (const connection_error&) {
      if (std::chrono::steady_clock::now() >= until) throw;
    }
    pause_before_retry(std::min(attempt, detail::longest_reconnect_pause), {});
  }
}

expected<result> client::execute_once(std::string_view sql, const parameters& values) {
  try {
    const pooled_connection on = acquire();
    return on->try_execute(sql, values, options_.call_timeout);
  } catch (const error& failed) {
    // Of the pool: closed, exhausted, or nobody to connect to.
    return failed.why();
  }
}

expected<result> client::try_execute(std::string_view sql, const parameters& values, bool again) {
  const auto begun = std::chrono::steady_clock::now();
  for (int attempt = 1;; attempt++) {
    expected<result> rows = execute_once(sql, values);
    if (rows || !again || !rows.error().connection_lost() || attempt >= options_.read_attempts) {
      report(sql, begun, !rows, rows ? nullptr : &rows.error(), attempt);
      return rows;
    }
    pause_before_retry(attempt, {});
  }
}

result client::execute(std::string_view sql, const parameters& values, bool again) {
  return try_execute(sql, values, again).value();
}

void client::report(std::string_view sql, std::chrono::steady_clock::time_point begun, bool failed,
                    const failure* why, int attempts) noexcept {
  const call_metrics one{sql, std::chrono::steady_clock::now() - begun, failed, why, attempts};
  try {
    options_.statistics->record(one);
  } catch (const std::bad_alloc&) {
    // A call is not to fail because it was not counted.
  }
  if (options_.on_call) options_.on_call(one);
}

std::string client::to_prometheus(const std::string& name) const {
  return stash::to_prometheus(connections_->statistics(), name) +
         stash::to_prometheus(*options_.statistics, name);
}

void client::pause_before_retry(int attempt, const transaction_options& options) {
  std::this_thread::sleep_for(detail::backoff(attempt, options.first_pause));
}

}  // namespace stash

// See stash/client.hpp.
#include "stash/client.hpp"

#include <thread>

namespace stash {

client::client(pool_options pool_given, client_options options)
    : connections_(std::make_shared<pool>(std::move(pool_given))), options_(std::move(options)) {}

client::client(std::shared_ptr<pool> shared, client_options options)
    : connections_(std::move(shared)), options_(std::move(options)) {}

client::~client() = default;

result client::execute_once(std::string_view sql, const parameters& values) {
  const pooled_connection on = connections_->acquire();
  return on->execute(sql, values, options_.call_timeout);
}

result client::execute(std::string_view sql, const parameters& values, bool again) {
  const auto begun = std::chrono::steady_clock::now();
  const auto report = [&](bool failed) {
    if (options_.on_call) options_.on_call({sql, std::chrono::steady_clock::now() - begun, failed});
  };
  for (int attempt = 1;; attempt++) {
    try {
      result rows = execute_once(sql, values);
      report(false);
      return rows;
    } catch (const error& failed) {
      if (!again || !failed.connection_lost() || attempt >= options_.read_attempts) {
        report(true);
        throw;
      }
    }
    pause_before_retry(attempt, {});
  }
}

void client::pause_before_retry(int attempt, const transaction_options& options) {
  thread_local std::minstd_rand random{std::random_device{}()};
  constexpr int most_doublings = 10;
  const auto longest = options.first_pause * (1 << std::min(attempt - 1, most_doublings));
  std::uniform_real_distribution<double> part(0.5, 1.0);
  std::this_thread::sleep_for(longest * part(random));
}

}  // namespace stash

// See stash/client.hpp.
#include "stash/client.hpp"

#include <thread>

namespace stash {

client::client(pool_options pool_given, client_options options)
    : connections_(std::make_shared<pool>(std::move(pool_given))), options_(std::move(options)) {}

client::client(std::shared_ptr<pool> shared, client_options options)
    : connections_(std::move(shared)), options_(std::move(options)) {}

client::~client() = default;

expected<result> client::execute_once(std::string_view sql, const parameters& values) {
  try {
    const pooled_connection on = connections_->acquire();
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
      if (options_.on_call)
        options_.on_call({sql, std::chrono::steady_clock::now() - begun, !rows.has_value()});
      return rows;
    }
    pause_before_retry(attempt, {});
  }
}

result client::execute(std::string_view sql, const parameters& values, bool again) {
  return try_execute(sql, values, again).value();
}

void client::pause_before_retry(int attempt, const transaction_options& options) {
  thread_local std::minstd_rand random{std::random_device{}()};
  constexpr int most_doublings = 10;
  const auto longest = options.first_pause * (1 << std::min(attempt - 1, most_doublings));
  std::uniform_real_distribution<double> part(0.5, 1.0);
  std::this_thread::sleep_for(longest * part(random));
}

}  // namespace stash

// See stash/client.hpp.
#include "stash/client.hpp"

#include <algorithm>
#include <thread>

#include "backoff.hpp"
#include "pool_state.hpp"

namespace stash {

using detail::steady;

namespace {

// A loan for one call of a client, which outlives it: without a share in the pool, and with two
// readings of the clock that the call needs anyway. `now` is this moment, and at the end that one.
class borrowed {
 public:
  borrowed(detail::pool_state& from, steady::time_point& now)
      : from_(from),
        slot_(from.acquire(now, from.options.acquire_timeout, std::source_location::current())),
        now_(now) {}
  borrowed(const borrowed&) = delete;
  borrowed& operator=(const borrowed&) = delete;
  ~borrowed() {
    now_ = steady::now();
    from_.release(slot_, false, now_);
  }
  [[nodiscard]] connection& link() const { return *slot_->link; }

 private:
  detail::pool_state& from_;
  detail::pool_slot* slot_;
  steady::time_point& now_;
};

}  // namespace

client::client(pool_options pool_given, client_options options)
    : client(std::make_shared<pool>(std::move(pool_given)), std::move(options)) {}

client::client(std::shared_ptr<pool> shared, client_options options)
    : connections_(std::move(shared)), options_(std::move(options)) {
  if (options_.statistics == nullptr) options_.statistics = std::make_shared<call_statistics>();
}

client::~client() = default;

// What `take` gives; again while there is nobody to connect to, as long as the options say.
template <typename Take>
auto client::patiently(Take take) {
  if (options_.reconnect_for.count() == 0) return take();
  const auto until = steady::now() + options_.reconnect_for;
  for (int attempt = 1;; attempt++) {
    try {
      return take();
    } catch (const connection_error&) {
      if (steady::now() >= until) throw;
    }
    pause_before_retry(std::min(attempt, detail::longest_reconnect_pause), {});
  }
}

pooled_connection client::acquire() {
  return patiently([&] { return connections_->acquire(); });
}

// `now` is this moment, and afterwards that in which the call has ended.
expected<result> client::execute_once(std::string_view sql, const parameters& values,
                                      steady::time_point& now) {
  try {
    const borrowed on = patiently([&] { return borrowed(*connections_->state_, now); });
    return on.link().try_execute(sql, values, options_.call_timeout);
  } catch (const error& failed) {
    // Of the pool: closed, exhausted, or nobody to connect to.
    now = steady::now();
    return failed.why();
  }
}

expected<result> client::try_execute(std::string_view sql, const parameters& values, bool again) {
  const steady::time_point begun = steady::now();
  steady::time_point now = begun;
  int attempt = 1;
  expected<result> rows = execute_once(sql, values, now);
  while (!rows && again && rows.error().connection_lost() && attempt < options_.read_attempts) {
    pause_before_retry(attempt++, {});
    now = steady::now();
    rows = execute_once(sql, values, now);
  }
  report({sql, now - begun, !rows, rows ? nullptr : &rows.error(), attempt});
  return rows;
}

result client::execute(std::string_view sql, const parameters& values, bool again) {
  return try_execute(sql, values, again).value();
}

void client::report(const call_metrics& one) noexcept {
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

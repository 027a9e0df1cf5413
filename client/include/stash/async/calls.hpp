// The typed calls for coroutines, by module, and what limits them.
#pragma once

#include "stash/admin.hpp"
#include "stash/async/executor.hpp"
#include "stash/async/sleep.hpp"
#include "stash/cached.hpp"
#include "stash/memory.hpp"
#include "stash/sessions.hpp"
#include "stash/vectors.hpp"

namespace stash::detail {
template <typename T>
struct computed<async::task<T>> {
  using type = T;
};
}  // namespace stash::detail

namespace stash::async {

/// The calls of the cache; each returns a task.
class cache : public basic_cache<run_async> {
 public:
  using basic_cache<run_async>::basic_cache;

  /// The same calls on another namespace.
  [[nodiscard]] cache in(std::string name_space) const {
    return cache(run_, std::move(name_space));
  }

  /// As stash::cache's: `compute` returns a task<T>, and others wait without holding a connection.
  /// A stop that is requested while it waits for others is a cancelled_error.
  template <typename T, typename Compute>
  task<T> fetch_or_compute(std::string key, Compute compute, fetch_options options = {}) {
    return fetch_in<T>(*this, std::move(key), std::move(compute), std::move(options));
  }

 private:
  template <typename T, typename Compute>
  static task<T> fetch_in(cache mine, std::string key, Compute compute, fetch_options options) {
    const auto deadline = steady_clock::now() + options.patience;
    std::chrono::milliseconds pause{2};
    for (;;) {
      leased_value found = co_await mine.get_lease(key, options);
      if (found.value) co_return found.value->template get<T>();
      if (found.lease) {
        T value = co_await compute();
        set_options store;
        store.ttl = options.ttl;
        store.tags = options.tags;
        store.lease = std::move(found.lease);
        (void)co_await mine.set(key, value, store);
        co_return value;
      }
      if (steady_clock::now() >= deadline) break;
      if (!co_await sleep_for(mine.run_.loop(), pause, mine.run_.limits().stop))
        throw cancelled_error("the call was cancelled");
      pause = std::min(2 * pause, std::chrono::milliseconds{50});
    }
    co_return co_await compute();
  }
};

/// The calls of the sessions; each returns a task.
using sessions = basic_sessions<run_async>;
/// The calls of memory snapshots; each returns a task.
using memory = basic_memory<run_async>;
/// The calls of embeddings; each returns a task.
using vectors = basic_vectors<run_async>;
/// The calls of administration; each returns a task.
using admin = basic_admin<run_async>;

/// All calls in one place, with their limits. Cheap to copy; refers to a client or a transaction.
template <typename Run, typename Cache>
class basic_calls {
 public:
  explicit basic_calls(Run run) : run_(std::move(run)) {}

  /// The calls of the cache, on a namespace.
  [[nodiscard]] Cache cache(std::string name_space = "default") const {
    return Cache(run_, std::move(name_space));
  }
  /// The calls of the sessions.
  [[nodiscard]] basic_sessions<Run> sessions() const { return basic_sessions<Run>(run_); }
  /// The calls of memory snapshots.
  [[nodiscard]] basic_memory<Run> memory() const { return basic_memory<Run>(run_); }
  /// The calls of embeddings.
  [[nodiscard]] basic_vectors<Run> vectors() const { return basic_vectors<Run>(run_); }
  /// The calls of administration.
  [[nodiscard]] basic_admin<Run> admin() const { return basic_admin<Run>(run_); }
  /// A statement of one's own, with $1, $2, … from the values.
  template <typename... Values>
  auto execute(std::string_view sql, const Values&... values) const {
    parameters all;
    (all.add(values), ...);
    return run_.raw(std::string(sql), std::move(all));
  }

  /// The same calls, each of which may take so long.
  [[nodiscard]] basic_calls within(std::chrono::milliseconds timeout) const {
    call_limits how = run_.limits();
    how.timeout = timeout;
    return basic_calls(run_.with(std::move(how)));
  }
  /// The same calls, which a request to stop ends.
  [[nodiscard]] basic_calls stopped_by(std::stop_token stop) const {
    call_limits how = run_.limits();
    how.stop = std::move(stop);
    return basic_calls(run_.with(std::move(how)));
  }

 private:
  Run run_;
};

/// Calls that throw.
using calls = basic_calls<run_async, cache>;
/// Calls that return expected<R>.
using nothrow_calls = basic_calls<run_async_nothrow, basic_cache<run_async_nothrow>>;

}  // namespace stash::async

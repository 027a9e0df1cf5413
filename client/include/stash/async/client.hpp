// The typed client for coroutines, on a pool of one event loop.
//
//   stash::async::client client(loop, {.conninfo = "dbname=app"});
//   std::optional<int> found = co_await client.cache().get<int>("k");
//   co_await client.within(100ms).cache().set("k", 42);
#pragma once

#include "stash/async/pool.hpp"
#include "stash/async/transaction.hpp"
#include "stash/client_options.hpp"

namespace stash::async {

/// Every call takes a connection for as long as it lasts. Belongs to the loop's thread; tasks must
/// not outlive it.
class STASH_API client : private executor, public calls {
 public:
  /// On a pool of its own. Error: usage_error.
  client(reactor& loop, pool_options pool, client_options options = {});
  ~client() override;

  /// The same calls, which return failures as values.
  [[nodiscard]] nothrow_calls nothrow() { return nothrow_calls(run_async_nothrow(*this)); }

  /// Awaits `work(transaction&)`, which returns a task, and commits; does it all again after a
  /// retryable error, as stash::client::transact() does. The limits are those of each statement.
  template <typename Work>
  auto transact(Work work, transaction_options options = {}, call_limits how = {})
      -> std::invoke_result_t<Work&, transaction&> {
    const auto begun = steady_clock::now();
    using value = typename std::invoke_result_t<Work&, transaction&>::value_type;
    for (int attempt = 1;; attempt++) {
      bool committing = false;
      std::exception_ptr failed;
      {
        std::optional<lease> on;
        std::optional<transaction> mine;
        try {
          on.emplace(co_await acquire(how));
          mine.emplace(**on, how);
          co_await mine->begin(options);
          if constexpr (std::is_void_v<value>) {
            co_await work(*mine);
            committing = true;
            co_await mine->commit();
            report("BEGIN", begun, nullptr, attempt);
            co_return;
          } else {
            value made = co_await work(*mine);
            committing = true;
            co_await mine->commit();
            report("BEGIN", begun, nullptr, attempt);
            co_return made;
          }
        } catch (...) {
          failed = std::current_exception();
        }
        if (mine) co_await roll_back(*mine);
      }
      if (!may_try_again(failed, committing, attempt, options)) {
        report("BEGIN", begun, failed, attempt);
        std::rethrow_exception(failed);
      }
      co_await pause_before_retry(attempt, options, how.stop);
    }
  }

  /// Counts, errors and times of the calls.
  [[nodiscard]] call_statistics& statistics() noexcept { return *options_.statistics; }
  /// All figures in Prometheus' text exposition format, of the pool and of the calls, with `name`
  /// as their label.
  [[nodiscard]] std::string to_prometheus(const std::string& name) const;
  /// The pool, for pipelines, for SQL of one's own on one connection, and for its figures.
  [[nodiscard]] pool& connections() noexcept { return connections_; }

 private:
  task<expected<result>> try_execute(std::string sql, parameters values, bool again,
                                     call_limits how) override;
  task<lease> acquire(call_limits how);
  task<expected<result>> execute_once(const std::string& sql, const parameters& values,
                                      call_limits how);
  [[nodiscard]] reactor& loop() noexcept override { return *loop_; }
  // Null: it did not fail.
  void report(std::string_view sql, steady_clock::time_point begun,
              const std::exception_ptr& failed, int attempts);
  void report_call(std::string_view sql, steady_clock::time_point begun, bool failed,
                   const failure* why, int attempts);
  static task<void> roll_back(transaction& mine);
  static bool may_try_again(const std::exception_ptr& failed, bool committing, int attempt,
                            const transaction_options& options);
  task<void> pause_before_retry(int attempt, transaction_options options, std::stop_token stop);

  reactor* loop_;
  pool connections_;
  client_options options_;
};

}  // namespace stash::async

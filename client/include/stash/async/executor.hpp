// Where asynchronous typed calls run: see stash/executor.hpp for what a runner is.
#pragma once

#include "stash/async/limits.hpp"
#include "stash/async/reactor.hpp"
#include "stash/async/task.hpp"
#include "stash/executor.hpp"

namespace stash::async {

/// What asynchronous calls run on: a client, or a transaction.
class STASH_API executor {
 public:
  executor() = default;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;
  virtual ~executor() = default;
  /// Runs one statement. `again`: it may be done once more when the connection breaks under it.
  virtual task<expected<result>> try_execute(std::string sql, parameters values, bool again,
                                             call_limits how) = 0;
  /// Where it waits.
  [[nodiscard]] virtual reactor& loop() noexcept = 0;
};

/// Runs calls in coroutines; errors are thrown.
class run_async {
 public:
  /// The executor must outlive it.
  run_async(executor& where, call_limits how = {}) : where_(&where), how_(std::move(how)) {}
  template <typename R>
  using returns = task<R>;
  /// Runs a call.
  template <typename R>
  task<R> operator()(call<R> one) const {
    return perform(where_, how_, std::move(one));
  }
  /// Runs a statement of the application's own.
  [[nodiscard]] task<result> raw(std::string sql, parameters values) const {
    return perform_raw(where_, how_, std::move(sql), std::move(values));
  }
  /// Where it waits.
  [[nodiscard]] reactor& loop() const noexcept { return where_->loop(); }
  /// What its calls keep to.
  [[nodiscard]] const call_limits& limits() const noexcept { return how_; }
  /// The same with other limits.
  [[nodiscard]] run_async with(call_limits how) const { return {*where_, std::move(how)}; }

 private:
  template <typename R>
  static task<R> perform(executor* where, call_limits how, call<R> one) {
    expected<result> rows = co_await where->try_execute(std::string(one.sql), std::move(one.values),
                                                        one.again, std::move(how));
    co_return one.decode(rows.value());
  }
  static task<result> perform_raw(executor* where, call_limits how, std::string sql,
                                  parameters values) {
    expected<result> rows =
        co_await where->try_execute(std::move(sql), std::move(values), false, std::move(how));
    co_return std::move(rows).value();
  }

  executor* where_;
  call_limits how_;
};

/// Runs calls in coroutines; errors are returned.
class run_async_nothrow {
 public:
  /// The executor must outlive it.
  run_async_nothrow(executor& where, call_limits how = {}) : where_(&where), how_(std::move(how)) {}
  template <typename R>
  using returns = task<expected<R>>;
  /// Runs a call.
  template <typename R>
  task<expected<R>> operator()(call<R> one) const {
    return perform(where_, how_, std::move(one));
  }
  /// Runs a statement of the application's own.
  [[nodiscard]] task<expected<result>> raw(std::string sql, parameters values) const {
    return where_->try_execute(std::move(sql), std::move(values), false, how_);
  }
  /// The same with other limits.
  [[nodiscard]] run_async_nothrow with(call_limits how) const { return {*where_, std::move(how)}; }
  /// What its calls keep to.
  [[nodiscard]] const call_limits& limits() const noexcept { return how_; }

 private:
  template <typename R>
  static task<expected<R>> perform(executor* where, call_limits how, call<R> one) {
    expected<result> rows = co_await where->try_execute(std::string(one.sql), std::move(one.values),
                                                        one.again, std::move(how));
    if (!rows) co_return rows.error();
    co_return try_decode(one, *rows);
  }

  executor* where_;
  call_limits how_;
};

}  // namespace stash::async

// One transaction on one connection, for coroutines. See async::client::transact(), which begins,
// commits and rolls back.
#pragma once

#include "stash/async/calls.hpp"
#include "stash/async/connection.hpp"
#include "stash/transaction.hpp"

namespace stash::async {

/// Whoever destroys it before its end leaves the connection within a transaction: a pool closes
/// that, and the server rolls back.
class STASH_API transaction : private executor, public calls {
 public:
  /// The connection must outlive it. begin() comes first.
  explicit transaction(connection& on, call_limits how = {});
  ~transaction() override;

  /// Starts it. Error: usage_error when the connection is in a transaction already.
  task<void> begin(transaction_options options = {});
  /// Errors, as 40001, leave the transaction to be rolled back.
  task<void> commit();
  /// Undoes everything; nothing when the transaction has ended.
  task<void> rollback();
  /// The same calls, which return failures as values.
  [[nodiscard]] nothrow_calls nothrow() { return nothrow_calls(run_async_nothrow(*this, how_)); }
  /// Its connection, for a pipeline.
  [[nodiscard]] connection& on() noexcept { return *on_; }

 private:
  task<expected<result>> try_execute(std::string sql, parameters values, bool again,
                                     call_limits how) override;
  [[nodiscard]] reactor& loop() noexcept override;

  connection* on_;
  call_limits how_;
  bool open_ = false;
};

}  // namespace stash::async

// See stash/async/transaction.hpp.
#include "stash/async/transaction.hpp"

#include "begin_statement.hpp"

namespace stash::async {

transaction::transaction(connection& on, call_limits how)
    : calls(run_async(*this, how)), on_(&on), how_(std::move(how)) {}

transaction::~transaction() = default;

reactor& transaction::loop() noexcept { return on_->loop(); }

task<void> transaction::begin(transaction_options options) {
  if (on_->base().in_transaction()) throw usage_error("the connection is in a transaction already");
  std::string sql = stash::detail::begin_statement(options);
  co_await on_->command(std::move(sql), how_);
  open_ = true;
}

task<void> transaction::commit() {
  if (!open_) throw usage_error("the transaction has ended already");
  open_ = false;
  // A statement failed and was caught: COMMIT would roll back and look like a success.
  const bool failed = on_->base().failed_transaction();
  co_await on_->command(failed ? "ROLLBACK" : "COMMIT", how_);
  if (failed) throw usage_error("the transaction failed before: it was rolled back");
}

// Whoever stopped the work, or let its time pass, still wants it undone.
task<void> transaction::rollback() {
  if (!open_) co_return;
  open_ = false;
  call_limits how;
  how.timeout = std::chrono::seconds{10};
  if (on_->usable()) co_await on_->command("ROLLBACK", how);
}

task<expected<result>> transaction::try_execute(std::string sql, parameters values, bool,
                                                call_limits how) {
  if (!open_) co_return failure(failure_kind::usage, "the transaction has ended already");
  co_return co_await on_->try_execute(std::move(sql), std::move(values), std::move(how));
}

}  // namespace stash::async

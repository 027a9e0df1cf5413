// See stash/transaction.hpp.
#include "stash/transaction.hpp"

#include "begin_statement.hpp"

namespace stash {
transaction::transaction(connection& on, const transaction_options& options) : on_(&on) {
  if (on.in_transaction()) throw usage_error("the connection is in a transaction already");
  on.command(detail::begin_statement(options));
}

transaction::~transaction() {
  if (!open_) return;
  try {
    rollback();
  } catch (const std::exception&) {
    // The connection is broken; the server rolls back by itself.
  }
}

void transaction::commit() {
  if (!open_) throw usage_error("the transaction has ended already");
  open_ = false;
  // A statement failed and was caught: COMMIT would roll back and look like a success.
  if (on_->failed_transaction()) {
    on_->command("ROLLBACK");
    throw usage_error("the transaction failed before: it was rolled back");
  }
  on_->command("COMMIT");
}

void transaction::rollback() {
  if (!open_) return;
  open_ = false;
  if (on_->usable()) on_->command("ROLLBACK");
}

result transaction::execute(std::string_view sql, const parameters& values, bool) {
  if (!open_) throw usage_error("the transaction has ended already");
  return on_->execute(sql, values);
}

expected<result> transaction::try_execute(std::string_view sql, const parameters& values, bool) {
  if (!open_) return failure(failure_kind::usage, "the transaction has ended already");
  return on_->try_execute(sql, values);
}

}  // namespace stash

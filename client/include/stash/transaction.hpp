// One transaction on one connection: typed calls and the application's own SQL in one commit.
#pragma once

#include "stash/nothrow.hpp"
#include "stash/pool.hpp"

namespace stash {

/// The levels of SQL.
enum class isolation { read_committed, repeatable_read, serializable };

/// How a transaction begins, and how it is tried again.
struct transaction_options {
  /// See isolation.
  isolation level = isolation::read_committed;
  /// The server refuses changes.
  bool read_only = false;
  /// How often the whole is tried when it fails with a retryable error.
  int attempts = 5;
  /// Before the second attempt, with a random part; doubles with each.
  std::chrono::milliseconds first_pause{5};
};

/// Begins with the constructor. Without commit() the destructor rolls back.
class STASH_API transaction : public executor {
 public:
  /// The connection must outlive the transaction.
  explicit transaction(connection& on, const transaction_options& options = {});
  ~transaction() override;

  /// Errors, as 40001, leave the transaction to be rolled back.
  void commit();
  /// Undoes everything; nothing when the transaction has ended.
  void rollback();

  /// The application's own statement, with $1, $2, … from the values.
  template <typename... Values>
  result execute(std::string_view sql, const Values&... values) {
    parameters all;
    (all.add(values), ...);
    return execute(sql, all, false);
  }
  /// The same with parameters that are there already; `again` does not matter here.
  result execute(std::string_view sql, const parameters& values, bool again) override;
  /// The same, with a failure as a value.
  expected<result> try_execute(std::string_view sql, const parameters& values = {},
                               bool again = false) override;

  /// The calls of the cache, in this transaction.
  [[nodiscard]] stash::cache cache(std::string name_space = "default") {
    return stash::cache(*this, std::move(name_space));
  }
  /// The calls of the sessions.
  [[nodiscard]] stash::sessions sessions() { return stash::sessions(*this); }
  /// The calls of memory snapshots.
  [[nodiscard]] stash::memory memory() { return stash::memory(*this); }
  /// The calls of embeddings.
  [[nodiscard]] stash::vectors vectors() { return stash::vectors(*this); }
  /// The calls of administration.
  [[nodiscard]] stash::admin admin() { return stash::admin(*this); }
  /// The same calls, which return failures as values instead of throwing them.
  [[nodiscard]] nothrow_calls nothrow() { return nothrow_calls(*this); }

 private:
  connection* on_;
  bool open_ = true;
};

}  // namespace stash

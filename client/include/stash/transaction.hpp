// One transaction on one connection: typed calls and the application's own SQL in one commit.
#pragma once

#include "stash/admin.hpp"
#include "stash/cache.hpp"
#include "stash/pool.hpp"
#include "stash/sessions.hpp"

namespace stash {

enum class isolation { read_committed, repeatable_read, serializable };

struct transaction_options {
  isolation level = isolation::read_committed;
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
  void rollback();

  /// The application's own statement, with $1, $2, … from the values.
  template <typename... Values>
  result execute(std::string_view sql, const Values&... values) {
    parameters all;
    (all.add(values), ...);
    return execute(sql, all, false);
  }
  result execute(std::string_view sql, const parameters& values, bool again) override;

  [[nodiscard]] stash::cache cache(std::string name_space = "default") {
    return stash::cache(*this, std::move(name_space));
  }
  [[nodiscard]] stash::sessions sessions() { return stash::sessions(*this); }
  [[nodiscard]] stash::admin admin() { return stash::admin(*this); }

 private:
  connection* on_;
  bool open_ = true;
};

}  // namespace stash

// Why something failed, as a value: what errors carry, and what calls that do not throw return.
#pragma once

#include <string>

#include "stash/export.hpp"

namespace stash {

/// What failed. value: what came does not fit the type that was asked for.
enum class failure_kind { connection, server, timeout, cancelled, usage, value };

/// Why a call failed. Copies are independent.
class STASH_API failure {
 public:
  /// Made by the client.
  failure(failure_kind kind, std::string message, std::string sqlstate = {}, std::string hint = {});

  /// Which class of error it is when it is thrown.
  [[nodiscard]] failure_kind kind() const noexcept { return kind_; }
  /// One line for people.
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  /// The five characters of the SQLSTATE; "" when the server said nothing.
  [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }
  /// What the server suggests to do; often "".
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
  /// The same work may succeed when it is done again from the beginning of its transaction.
  [[nodiscard]] bool retryable() const noexcept { return retryable_; }
  /// The connection is gone, and with it whatever transaction was open on it. Whether a COMMIT that
  /// was on its way has happened is unknown.
  [[nodiscard]] bool connection_lost() const noexcept { return connection_lost_; }

  /// Throws the error that it stands for.
  [[noreturn]] void raise() const;

 private:
  failure_kind kind_;
  std::string message_;
  std::string sqlstate_;
  std::string hint_;
  bool retryable_;
  bool connection_lost_;
};

}  // namespace stash

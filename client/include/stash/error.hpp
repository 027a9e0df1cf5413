// Errors of the client: one root, whose members say what the caller can do.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "stash/export.hpp"

namespace stash {

/// The root of everything that the client throws.
class STASH_API error : public std::runtime_error {
 public:
  /// The five characters of the SQLSTATE; "" when the server said nothing.
  [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }
  /// What the server suggests to do; often "".
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
  /// The same work may succeed when it is done again from the beginning of its transaction.
  [[nodiscard]] bool retryable() const noexcept { return retryable_; }
  /// The connection is gone, and with it whatever transaction was open on it. Whether a COMMIT that
  /// was on its way has happened is unknown.
  [[nodiscard]] bool connection_lost() const noexcept { return connection_lost_; }

 protected:
  error(const std::string& message, std::string sqlstate, std::string hint, bool retryable,
        bool connection_lost);

 private:
  std::string sqlstate_;
  std::string hint_;
  bool retryable_;
  bool connection_lost_;
};

/// No connection could be made, or one broke.
class STASH_API connection_error : public error {
 public:
  /// Made by the client.
  explicit connection_error(const std::string& message, std::string sqlstate = {});
};

/// The server refused a statement. 40001 and 40P01 are retryable.
class STASH_API server_error : public error {
 public:
  /// Made by the client.
  server_error(const std::string& message, const std::string& sqlstate, std::string hint);
};

/// A deadline passed: of waiting for a connection, or of a statement, which was then cancelled. Not
/// retryable by itself: who set the deadline decides.
class STASH_API timeout_error : public error {
 public:
  /// Made by the client.
  explicit timeout_error(const std::string& message);
};

/// The client was used in a way that cannot work: a closed pool, a value of another type.
class STASH_API usage_error : public error {
 public:
  /// Made by the client.
  explicit usage_error(const std::string& message);
};

}  // namespace stash

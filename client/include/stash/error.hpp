// Errors of the client: one root, whose members say what the caller can do.
#pragma once

#include <stdexcept>

#include "stash/failure.hpp"

namespace stash {

/// The root of everything that the client throws.
class STASH_API error : public std::runtime_error {
 public:
  /// Everything that is known, as a value.
  [[nodiscard]] const failure& why() const noexcept { return why_; }
  /// See failure, for all four.
  [[nodiscard]] const std::string& sqlstate() const noexcept { return why_.sqlstate(); }
  [[nodiscard]] const std::string& hint() const noexcept { return why_.hint(); }
  [[nodiscard]] bool retryable() const noexcept { return why_.retryable(); }
  [[nodiscard]] bool connection_lost() const noexcept { return why_.connection_lost(); }

 protected:
  explicit error(failure why) : std::runtime_error(why.message()), why_(std::move(why)) {}

 private:
  friend class failure;
  failure why_;
};

/// No connection could be made, or one broke.
class STASH_API connection_error : public error {
 public:
  /// Made by the client.
  explicit connection_error(const std::string& message, std::string sqlstate = {});

 private:
  friend class failure;
  using error::error;
};

/// The server refused a statement. Retryable: 40001, 40P01, 55P03, and when it ends the connection.
class STASH_API server_error : public error {
 public:
  /// Made by the client.
  server_error(const std::string& message, const std::string& sqlstate, std::string hint);

 private:
  friend class failure;
  using error::error;
};

/// A deadline passed: of waiting for a connection, or of a statement, which was then cancelled. Not
/// retryable by itself: who set the deadline decides.
class STASH_API timeout_error : public error {
 public:
  /// Made by the client.
  explicit timeout_error(const std::string& message);

 private:
  friend class failure;
  using error::error;
};

/// Somebody asked for the call to stop.
class STASH_API cancelled_error : public error {
 public:
  /// Made by the client.
  explicit cancelled_error(const std::string& message);

 private:
  friend class failure;
  using error::error;
};

/// The client was used in a way that cannot work: a closed pool, a column read as another type.
class STASH_API usage_error : public error {
 public:
  /// Made by the client.
  explicit usage_error(const std::string& message);

 private:
  friend class failure;
  using error::error;
};

/// A value does not fit the type that was asked for. Only what a failure of this kind raises: a
/// call that throws lets the exception of the JSON library through.
class STASH_API value_error : public error {
 public:
  /// Made by the client.
  explicit value_error(const std::string& message);

 private:
  friend class failure;
  using error::error;
};

}  // namespace stash

// See stash/error.hpp and stash/failure.hpp.
#include "stash/error.hpp"

#include <string_view>

namespace stash {
namespace {

bool is_retryable(std::string_view sqlstate) {
  // Serialization failure, deadlock; a lock that was not to be waited for.
  return sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03";
}

// The server is about to end the connection, or has: shutdown, crash, no longer accepting.
bool ends_connection(std::string_view sqlstate) {
  return sqlstate.starts_with("08") || sqlstate == "57P01" || sqlstate == "57P02" ||
         sqlstate == "57P03" || sqlstate == "57P05";
}

}  // namespace

failure::failure(failure_kind kind, std::string message, std::string sqlstate, std::string hint)
    : kind_(kind),
      message_(std::move(message)),
      sqlstate_(std::move(sqlstate)),
      hint_(std::move(hint)) {
  connection_lost_ = kind == failure_kind::connection ||
                     (kind == failure_kind::server && ends_connection(sqlstate_));
  retryable_ = connection_lost_ || (kind == failure_kind::server && is_retryable(sqlstate_));
}

void failure::raise() const {
  switch (kind_) {
    case failure_kind::connection:
      throw connection_error(*this);
    case failure_kind::server:
      throw server_error(*this);
    case failure_kind::timeout:
      throw timeout_error(*this);
    case failure_kind::cancelled:
      throw cancelled_error(*this);
    case failure_kind::value:
      throw value_error(*this);
    case failure_kind::usage:
      break;
  }
  throw usage_error(*this);
}

connection_error::connection_error(const std::string& message, std::string sqlstate)
    : error(failure(failure_kind::connection, message, std::move(sqlstate))) {}

server_error::server_error(const std::string& message, const std::string& sqlstate,
                           std::string hint)
    : error(failure(failure_kind::server, message, sqlstate, std::move(hint))) {}

timeout_error::timeout_error(const std::string& message)
    : error(failure(failure_kind::timeout, message)) {}

cancelled_error::cancelled_error(const std::string& message)
    : error(failure(failure_kind::cancelled, message)) {}

usage_error::usage_error(const std::string& message)
    : error(failure(failure_kind::usage, message)) {}

value_error::value_error(const std::string& message)
    : error(failure(failure_kind::value, message)) {}

}  // namespace stash

// See stash/error.hpp.
#include "stash/error.hpp"

namespace stash {

error::error(const std::string& message, std::string sqlstate, std::string hint, bool retryable,
             bool connection_lost)
    : std::runtime_error(message),
      sqlstate_(std::move(sqlstate)),
      hint_(std::move(hint)),
      retryable_(retryable),
      connection_lost_(connection_lost) {}

connection_error::connection_error(const std::string& message, std::string sqlstate)
    : error(message, std::move(sqlstate), {}, true, true) {}

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

server_error::server_error(const std::string& message, const std::string& sqlstate,
                           std::string hint)
    : error(message, sqlstate, std::move(hint), is_retryable(sqlstate) || ends_connection(sqlstate),
            ends_connection(sqlstate)) {}

timeout_error::timeout_error(const std::string& message) : error(message, {}, {}, false, false) {}

usage_error::usage_error(const std::string& message) : error(message, {}, {}, false, false) {}

}  // namespace stash

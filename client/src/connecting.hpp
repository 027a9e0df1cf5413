// How libpq is told to connect, by whichever way it does.
#pragma once

#include <libpq-fe.h>

#include "stash/connection.hpp"

namespace stash::detail {

struct connecting {
  explicit connecting(const connection_options& options);
  // Null-terminated, for PQconnectdbParams and PQconnectStartParams; refer to the options.
  std::string timeout;
  const char* names[4];
  const char* values[4];

  // Takes over what is connected. Error: connection_error.
  static stash::connection adopt(connection_options options, PGconn* handle);
};

}  // namespace stash::detail

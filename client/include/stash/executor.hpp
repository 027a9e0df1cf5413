// Where the typed calls run: on a pool, each on a connection of its own, or in one transaction.
#pragma once

#include "stash/connection.hpp"

namespace stash {

/// What the typed calls run on: a client, or a transaction.
class STASH_API executor {
 public:
  executor() = default;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;
  virtual ~executor() = default;
  /// Runs one statement. `again`: it may be done once more when the connection breaks under it, for
  /// it changes nothing.
  virtual result execute(std::string_view sql, const parameters& values, bool again) = 0;
};

}  // namespace stash

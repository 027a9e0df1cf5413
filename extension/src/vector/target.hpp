// Which Weaviate this database feeds, and whether it may.
#pragma once

#include <string>

#include "weaviate/server.hpp"

namespace stash {

struct weaviate_target {
  weaviate::server server;
  bool configured = false;
  // Why nothing may be sent: not configured, a copy of another database, a key that cannot be read.
  std::string problem;
};

// Inside as_owner.
void load_target(weaviate_target* target);

}  // namespace stash

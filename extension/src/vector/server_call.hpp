// A call of Weaviate in a user's session: it waits for the answer, and for nothing else that would
// keep the session from being cancelled.
#pragma once

#include "http/engine.hpp"
#include "vector/target.hpp"

namespace stash {

// The answer lives until the next call of this process.
const http::response& call_server(http::request request);

// The configured server; reads it anew when the configuration has changed. Errors: 55000 when there
// is none, or when nothing may be sent to it.
const weaviate_target& configured_server();

}  // namespace stash

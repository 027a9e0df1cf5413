// Waiting for a moment.
#pragma once

#include <chrono>
#include <stop_token>

#include "stash/async/reactor.hpp"
#include "stash/async/task.hpp"

namespace stash::async {

/// False when a stop was requested meanwhile.
STASH_API task<bool> sleep_for(reactor& loop, std::chrono::nanoseconds how_long,
                               std::stop_token stop = {});

}  // namespace stash::async

// Everything of the asynchronous client, for C++20 coroutines; apart from stash.hpp, which stays
// light without it. stash/async/asio.hpp, for Asio's event loop, is a header of its own.
#pragma once

#include "stash/async/client.hpp"
#include "stash/async/event_loop.hpp"
#include "stash/async/pipeline.hpp"
#include "stash/async/sleep.hpp"
#include "stash/async/when_all.hpp"

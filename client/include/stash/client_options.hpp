// How a client makes its calls, and who hears of them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "stash/call_statistics.hpp"

namespace stash {

/// How calls are made.
struct client_options {
  /// A call that changes nothing is done again when its connection breaks, this often.
  int read_attempts = 3;
  /// While no connection can be made, as during a restart or a failover, calls and transactions try
  /// again for so long: nothing was sent yet, so that is safe for changes too. 0: they fail at
  /// once. In coroutines the limits of a call end it as well.
  std::chrono::milliseconds reconnect_for{0};
  /// A statement that takes longer is cancelled (timeout_error).
  std::optional<std::chrono::milliseconds> call_timeout = {};
  /// Called after each call, in the caller's thread; must not throw.
  std::function<void(const call_metrics&)> on_call = {};
  /// Where calls are counted; unset: the client makes its own. Several clients may share one.
  std::shared_ptr<call_statistics> statistics = {};
};

}  // namespace stash

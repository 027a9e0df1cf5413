// How long a call may take, and who may stop it.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>

namespace stash::async {

/// Of one call, with its waiting for a connection. A statement that runs by then is cancelled on
/// the server; its connection stays usable.
struct call_limits {
  /// Unset: none. Behind it: timeout_error.
  std::optional<std::chrono::milliseconds> timeout = {};
  /// When a stop is requested, from any thread: cancelled_error.
  std::stop_token stop = {};
  /// How long the server may take to answer the request to cancel before its connection is given
  /// up. 0: it is not asked, the connection is closed at once.
  std::chrono::milliseconds cancel_patience{10'000};
};

}  // namespace stash::async

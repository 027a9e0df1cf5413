// What the asynchronous client needs of an event loop: a socket's readiness, a moment, and a place
// to go on. event_loop is one; asio.hpp makes one of an Asio executor; others are a few dozen
// lines.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "stash/export.hpp"

namespace stash::async {

/// Time of deadlines.
using steady_clock = std::chrono::steady_clock;

/// What to wait for. nothing: only for the moment.
enum class interest { nothing, read, read_or_write };

/// Waits for one socket, or only for moments. Everything happens in the loop's thread.
class STASH_API watch {
 public:
  watch() = default;
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  /// Disarms. The socket stays open: it is somebody else's.
  virtual ~watch() = default;
  /// Calls `woken` once, from the loop and never from within arm(): with true when the socket is
  /// ready, with false when `until` has passed (steady_clock::time_point::max(): never). One at a
  /// time.
  virtual void arm(interest what, steady_clock::time_point until,
                   std::function<void(bool)> woken) = 0;
  /// What was armed is not called any more.
  virtual void disarm() noexcept = 0;
};

/// An event loop. It must outlive whatever uses it.
class STASH_API reactor {
 public:
  reactor() = default;
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;
  virtual ~reactor() = default;
  /// For a socket, or for moments alone (−1). Destroyed before its socket is closed.
  virtual std::unique_ptr<watch> make_watch(int socket) = 0;
  /// Calls `work` soon, from the loop. The only member that other threads may use.
  virtual void post(std::function<void()> work) = 0;
};

}  // namespace stash::async

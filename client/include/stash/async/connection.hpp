// One connection for coroutines: a stash::connection whose waiting is the event loop's.
#pragma once

#include <memory>

#include "stash/async/limits.hpp"
#include "stash/async/reactor.hpp"
#include "stash/async/task.hpp"
#include "stash/connection.hpp"

namespace stash::detail {
class exchange;
}

namespace stash::async {

/// Belongs to one loop's thread, and to one coroutine at a time.
class STASH_API connection {
 public:
  /// Connects. libpq looks names of hosts up without giving way: use addresses, or a local
  /// resolver, where that matters. Errors: connection_error, timeout_error, cancelled_error.
  static task<std::unique_ptr<connection>> open(reactor& loop, connection_options options,
                                                call_limits how = {});
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  /// Runs a statement with parameters; results come in binary form. Errors as in stash::connection,
  /// and cancelled_error.
  task<result> execute(std::string sql, parameters values = {}, call_limits how = {});
  /// The same, with a failure as a value.
  task<expected<result>> try_execute(std::string sql, parameters values = {}, call_limits how = {});
  /// Runs statements without parameters, as BEGIN.
  task<void> command(std::string sql, call_limits how = {});
  /// Asks the server for a sign of life, for at most so long.
  task<bool> check(std::chrono::milliseconds patience = std::chrono::milliseconds{5000});

  /// Whether it may be used again: not broken, and no cancel request is on its way to it.
  [[nodiscard]] bool usable() const noexcept { return settled_ && link_.usable(); }
  /// Where it waits.
  [[nodiscard]] reactor& loop() const noexcept { return *loop_; }
  /// What else there is to know of it. Do not execute anything here: that would wait in the loop.
  [[nodiscard]] const stash::connection& base() const noexcept { return link_; }

 private:
  friend class pipeline;
  connection(reactor& loop, stash::connection link);
  STASH_LOCAL task<void> drive(stash::detail::exchange& trip, call_limits how);

  reactor* loop_;
  stash::connection link_;
  std::unique_ptr<watch> watch_;
  // No request to cancel is on its way: it could hit the next statement.
  bool settled_ = true;
};

}  // namespace stash::async

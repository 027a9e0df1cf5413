// A pool of connections for many threads: first come, first served, by turns.
//
//   stash::pool pool({.conninfo = "dbname=app", .max_size = 8});
//   auto connection = pool.acquire();
//   connection->execute("SELECT 1");
//
// A handle gives its connection back when it is destroyed. A connection that broke, that is too
// old, or that comes back with a transaction that it did not end, is replaced.
#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <vector>

#include "stash/connection.hpp"
#include "stash/pool_statistics.hpp"

namespace stash {

/// Limits and habits of a pool.
struct pool_options {
  /// See connection_options.
  std::string conninfo = {};
  /// Kept open, and made at once.
  std::size_t min_size = 0;
  /// Never more than these.
  std::size_t max_size = 10;
  /// How long acquire() waits before it gives up; NULL waits are not offered: a deadline always is.
  std::chrono::milliseconds acquire_timeout{30'000};
  /// A thread that asks again as soon as it has given back keeps its connection for so long while
  /// others wait: to change threads after each call would cost a third of the throughput. 0: those
  /// who wait come first, always.
  std::chrono::microseconds turn{1000};
  /// See connection_options.
  std::chrono::milliseconds connect_timeout{10'000};
  /// A connection that lay idle longer is asked for a sign of life before it is given out.
  std::chrono::milliseconds check_after{30'000};
  /// Idle connections above min_size are closed after this long; 0 never.
  std::chrono::milliseconds idle_timeout{600'000};
  /// A connection is replaced after this long, give or take a tenth, so that not all go at once;
  /// 0 never.
  std::chrono::milliseconds max_lifetime{3'600'000};
  /// Who holds a connection for longer is reported once through on_warning; 0 never.
  std::chrono::milliseconds leak_after{60'000};
  /// See connection_options.
  bool prepared_statements = true;
  /// Called with one line of text from the pool's own thread; must not throw.
  std::function<void(const std::string&)> on_warning = {};
  /// Called for each new connection, for SET commands and the like.
  std::function<void(connection&)> on_connect = {};
};

class pool;
namespace detail {
struct pool_state;
struct pool_slot;
}  // namespace detail

/// A connection on loan. Movable; gives the connection back when it ends.
class STASH_API pooled_connection {
 public:
  pooled_connection(pooled_connection&& other) noexcept;
  pooled_connection& operator=(pooled_connection&& other) noexcept;
  ~pooled_connection();

  /// The connection; not after release() or discard().
  connection& operator*() const noexcept;
  connection* operator->() const noexcept { return &**this; }
  /// Gives it back now.
  void release() noexcept;
  /// Closes it instead of giving it back.
  void discard() noexcept;

 private:
  friend class pool;
  pooled_connection(std::shared_ptr<detail::pool_state> state, detail::pool_slot* slot) noexcept
      : state_(std::move(state)), slot_(slot) {}

  std::shared_ptr<detail::pool_state> state_;
  detail::pool_slot* slot_;
};

/// Thread-safe. Handles may outlive the pool: their connections are closed when they end.
class STASH_API pool {
 public:
  /// Connects min_size connections. Errors: connection_error, usage_error.
  explicit pool(pool_options options);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// A connection; waits in line when all are taken. Errors: timeout_error, connection_error,
  /// usage_error when the pool is closed.
  [[nodiscard]] pooled_connection acquire(
      std::source_location where = std::source_location::current());
  /// The same with a deadline of its own.
  [[nodiscard]] pooled_connection acquire_for(
      std::chrono::milliseconds timeout,
      std::source_location where = std::source_location::current());
  /// A connection if one is free or may be made right now.
  [[nodiscard]] std::optional<pooled_connection> try_acquire(
      std::source_location where = std::source_location::current());

  /// Changes the limits; connections above the new maximum are closed as they come back.
  void resize(std::size_t min_size, std::size_t max_size);
  /// No more loans; waits until everything is back, or the time is over (false).
  bool drain(std::chrono::milliseconds timeout);
  /// No more loans; idle connections are closed now, others when they come back.
  void close() noexcept;
  /// Closes idle connections that are older than the timeout; how many. The pool's own thread does
  /// so too.
  std::size_t terminate_idle(std::chrono::milliseconds idle_for);
  /// Asks every idle connection for a sign of life; how many were broken and closed.
  std::size_t check_health();

  /// The figures of this moment.
  [[nodiscard]] pool_statistics statistics() const;
  /// Who holds which connection, for how long.
  [[nodiscard]] std::vector<pool_holder> holders() const;
  /// What the figures suggest to change; empty when nothing.
  [[nodiscard]] std::vector<std::string> recommendations() const;

 private:
  std::shared_ptr<detail::pool_state> state_;
};

}  // namespace stash

// A pool of connections for many threads: first come, first served, by turns.
//
//   stash::pool pool({.conninfo = "dbname=app", .max_size = 8});
//   auto connection = pool.acquire();
//   connection->execute("SELECT 1");
//
// A handle gives its connection back when it is destroyed. A connection that broke, that is too
// old, or that comes back with a transaction that it did not end, is replaced.
#pragma once

#include <memory>
#include <source_location>
#include <vector>

#include "stash/connection.hpp"
#include "stash/loan.hpp"
#include "stash/pool_options.hpp"
#include "stash/pool_statistics.hpp"

namespace stash {

/// Limits and habits of a pool; on_connect is a function of the new connection.
using pool_options = basic_pool_options<void(connection&)>;
/// What acquire() gives.
using pooled_connection = loan<connection>;

class client;
class health_monitor;
namespace detail {
struct pool_state;
}

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
  friend class client;
  friend class health_monitor;
  std::shared_ptr<detail::pool_state> state_;
};

}  // namespace stash

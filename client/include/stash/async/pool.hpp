// A pool of connections for the coroutines of one event loop.
//
// It is a pool of its own, apart from stash::pool: it needs no lock, its line needs no thread to be
// woken, and its connections stay in the mode that does not block. A program with threads and
// coroutines has one of each, and divides the server's connections between them.
#pragma once

#include <source_location>
#include <string>
#include <vector>

#include "stash/async/connection.hpp"
#include "stash/loan.hpp"
#include "stash/pool_options.hpp"
#include "stash/pool_statistics.hpp"

namespace stash::async {

/// Limits and habits of a pool; on_connect returns a task, which is awaited.
using pool_options = basic_pool_options<task<void>(connection&)>;
/// What acquire() gives.
using lease = loan<connection>;

namespace detail {
struct pool_state;
}

/// First come, first served. Belongs to the loop's thread, as everything here. Leases may outlive
/// it.
class STASH_API pool {
 public:
  /// Connects when somebody needs it, and min_size from the loop's first turn on. A server that
  /// cannot be reached then is told through on_warning, and tried again. Error: usage_error.
  pool(reactor& loop, pool_options options);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// A connection; waits in line when all are taken, for at most acquire_timeout or the limits'.
  /// Errors: timeout_error, cancelled_error, connection_error, usage_error when the pool is closed.
  task<lease> acquire(call_limits how = {},
                      std::source_location where = std::source_location::current());
  /// Changes the limits; connections above the new maximum are closed as they come back.
  void resize(std::size_t min_size, std::size_t max_size);
  /// No more loans; idle connections are closed now, others when they come back. Who waits in line
  /// gets a usage_error.
  void close() noexcept;
  /// Closes idle connections that have rested so long, below min_size too; how many.
  std::size_t terminate_idle(std::chrono::milliseconds idle_for);
  /// The figures of this moment.
  [[nodiscard]] pool_statistics statistics() const;
  /// Who holds which connection, for how long.
  [[nodiscard]] std::vector<pool_holder> holders() const;
  /// What the figures suggest to change; empty when nothing.
  [[nodiscard]] std::vector<std::string> recommendations() const;

 private:
  std::shared_ptr<detail::pool_state> state_;
};

}  // namespace stash::async

// A pool of connections for the coroutines of one event loop.
//
// It is a pool of its own, apart from stash::pool: it needs no lock, its line needs no thread to be
// woken, and its connections stay in the mode that does not block. A program with threads and
// coroutines has one of each, and divides the server's connections between them.
#pragma once

#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "stash/async/connection.hpp"
#include "stash/pool_statistics.hpp"

namespace stash::async {

/// Limits and habits; what they mean is said in stash::pool_options.
struct pool_options {
  std::string conninfo = {};
  std::size_t max_size = 10;
  std::chrono::milliseconds acquire_timeout{30'000};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds check_after{30'000};
  std::chrono::milliseconds idle_timeout{600'000};
  std::chrono::milliseconds max_lifetime{3'600'000};
  bool prepared_statements = true;
  /// Awaited for each new connection, for SET commands and the like.
  std::function<task<void>(connection&)> on_connect = {};
};

class pool;
namespace detail {
struct pool_state;
struct pool_slot;
}  // namespace detail

/// A connection on loan. Movable; gives the connection back when it ends. One that is within a
/// transaction or in the middle of a statement then is closed instead.
class STASH_API lease {
 public:
  lease(lease&& other) noexcept;
  lease& operator=(lease&& other) noexcept;
  ~lease();
  /// The connection; not after release() or discard().
  connection& operator*() const noexcept;
  connection* operator->() const noexcept { return &**this; }
  /// Gives it back now.
  void release() noexcept;
  /// Closes it instead of giving it back.
  void discard() noexcept;

 private:
  friend struct detail::pool_state;
  lease(std::shared_ptr<detail::pool_state> state, detail::pool_slot* slot) noexcept;

  std::shared_ptr<detail::pool_state> state_;
  detail::pool_slot* slot_;
};

/// First come, first served. Belongs to the loop's thread, as everything here. Leases may outlive
/// it.
class STASH_API pool {
 public:
  /// Connects when somebody needs it. Error: usage_error.
  pool(reactor& loop, pool_options options);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// A connection; waits in line when all are taken, for at most acquire_timeout or the limits'.
  /// Errors: timeout_error, cancelled_error, connection_error, usage_error when the pool is closed.
  task<lease> acquire(call_limits how = {},
                      std::source_location where = std::source_location::current());
  /// Changes the limit; connections above it are closed as they come back.
  void resize(std::size_t max_size);
  /// No more loans; idle connections are closed now, others when they come back. Who waits in line
  /// gets a usage_error.
  void close() noexcept;
  /// Closes idle connections that have rested so long; how many.
  std::size_t terminate_idle(std::chrono::milliseconds idle_for);
  /// The figures of this moment.
  [[nodiscard]] pool_statistics statistics() const;
  /// Who holds which connection, for how long.
  [[nodiscard]] std::vector<pool_holder> holders() const;

 private:
  std::shared_ptr<detail::pool_state> state_;
};

}  // namespace stash::async

// Limits and habits of both pools, that for threads and that for coroutines.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace stash {

/// `OnConnect` is what is called for a new connection: a function, or one that returns a task.
template <typename OnConnect>
struct basic_pool_options {
  /// See connection_options.
  std::string conninfo = {};
  /// Kept open. A pool for threads makes them at once, one for coroutines as soon as its loop runs.
  std::size_t min_size = 0;
  /// Never more than these.
  std::size_t max_size = 10;
  /// How long acquire() waits before it gives up; to wait without end is not offered.
  std::chrono::milliseconds acquire_timeout{30'000};
  /// A thread that asks again as soon as it has given back keeps its connection for so long while
  /// others wait: to change threads after each call would cost a third of the throughput. 0: those
  /// who wait come first, always. Coroutines have no use for it.
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
  /// Called with one line of text from the pool's own thread, or from the loop; must not throw.
  std::function<void(const std::string&)> on_warning = {};
  /// Called, or awaited, for each new connection, for SET commands and the like.
  std::function<OnConnect> on_connect = {};
};

}  // namespace stash

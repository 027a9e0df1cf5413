// What the tests of the asynchronous client share, whichever loop it runs on.
#pragma once

#include "server.hpp"
#include "stash/async.hpp"

namespace test {

using stash::async::task;

// The client's own loop.
struct own_loop {
  template <typename T>
  T run(task<T> work) {
    return loop.run(std::move(work));
  }

  stash::async::event_loop loop;
};

// A client on a loop, with a namespace of the test's own. `Loop` is what the loop is made of: it
// has a reactor `loop` and runs a task to its end.
template <typename Loop>
class with_async_client : public with_client {
 protected:
  static stash::async::pool_options few(std::size_t max_size) {
    stash::async::pool_options made;
    made.max_size = max_size;
    made.acquire_timeout = 10s;
    return made;
  }
  template <typename T>
  T run(task<T> work) {
    return runs.run(std::move(work));
  }

  Loop runs;
  decltype(runs.loop)& loop = runs.loop;
  stash::async::client c{loop, few(4)};
  const stash::set_options fresh{.fresh = true};
};

}  // namespace test

// A small event loop over poll(), for programs that have none.
//
//   stash::async::event_loop loop;
//   stash::async::client client(loop, {.conninfo = "dbname=app"});
//   std::optional<int> found = loop.run(client.cache().get<int>("k"));
#pragma once

#include <memory>

#include "stash/async/reactor.hpp"
#include "stash/async/task.hpp"

namespace stash::async {

/// Used by one thread, but for post(). A turn costs time in proportion to the sockets that are
/// waited for: meant for the tens of connections of a pool.
class STASH_API event_loop : public reactor {
 public:
  event_loop();
  /// Destroys what was spawned and has not ended.
  ~event_loop() override;

  /// Runs a task to its end, and whatever else is there meanwhile; returns or throws what it does.
  /// Not from within the loop.
  template <typename T>
  T run(task<T> work) {
    bool done = false;
    detail::task_access::start(
        work,
        [](void* flag) -> std::coroutine_handle<> {
          *static_cast<bool*>(flag) = true;
          return std::noop_coroutine();
        },
        &done);
    while (!done) turn();
    return detail::task_access::take(work);
  }
  /// Runs until everything spawned has ended.
  void run();
  /// Starts a task in the next turn; what it throws ends the program, so it should catch.
  void spawn(task<void> work);

  std::unique_ptr<watch> make_watch(int socket) override;
  void post(std::function<void()> work) override;

 private:
  class loop_watch;
  struct spawned_task;
  struct state;
  void turn();

  std::unique_ptr<state> state_;
};

}  // namespace stash::async

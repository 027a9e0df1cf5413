// See server_call.hpp. What C++ needs lives on the heap and for the process, so an interrupt runs
// over nothing.
#include "vector/server_call.hpp"

#include "session/statement.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

http::engine& session_engine() {
  static http::engine* one = nullptr;
  if (one == nullptr) one = new http::engine;
  return *one;
}

}  // namespace

const http::response& call_server(http::request request) {
  static http::response* answer = new http::response;
  static uint32 wait_event = 0;
  if (wait_event == 0) wait_event = compat::wait_event_new("StashWeaviate");
  http::engine& engine = session_engine();
  // What a cancelled call left behind.
  engine.cancel_all();
  (void)engine.submit(std::move(request));
  while (true) {
    engine.perform();
    if (auto completed = engine.next_completed()) {
      *answer = std::move(*completed);
      return *answer;
    }
    const int due = engine.timeout_ms();
    const int happened = WaitLatchOrSocket(
        MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | WL_SOCKET_READABLE,
        engine.descriptor(), due < 0 ? 1000 : due, wait_event);
    if ((happened & WL_LATCH_SET) != 0) ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
}

const weaviate_target& configured_server() {
  static weaviate_target* target = new weaviate_target;
  *target = weaviate_target();
  const as_owner owner;
  load_target(target);
  owner.finish();
  if (!target->configured || !target->problem.empty())
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s", target->problem.c_str()),
                    errhint("See stash.weaviate_configure and stash.weaviate_adopt.")));
  target->server.timeout_ms = std::min(target->server.timeout_ms, 30'000);
  return *target;
}

}  // namespace stash

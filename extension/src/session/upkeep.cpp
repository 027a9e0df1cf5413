// See upkeep.hpp. The work itself: flush.cpp, reap.cpp, generations.cpp.
#include "session/upkeep.hpp"

#include "boundary/settings.hpp"
#include "session/flush.hpp"
#include "session/generations.hpp"
#include "session/live_touch.hpp"
#include "session/reap.hpp"
#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

int flush_interval() { return settings::session_flush_interval_ms; }
int reap_interval() { return 1000; }
int generation_interval() { return 5000; }
// Often enough to meet each slot of the ring, a sixth of the retention wide, between the moment
// when it is old enough and the one when it is written to again.
int history_interval() {
  return static_cast<int>(Min(60'000.0, settings::session_history_retention_s * 1000 / 12));
}

int orphan_interval() { return static_cast<int>(settings::session_orphan_retention_s * 1000); }

constexpr std::int64_t batch = 1000;

// Bounded batches, each a transaction, until nothing is left or others are due.
bool reap(worker::task_context& context) {
  bool more = true;
  while (more && !context.out_of_time()) {
    CHECK_FOR_INTERRUPTS();
    begin_upkeep();
    const as_owner owner;
    const std::uint64_t expired = reap_expired(batch, nullptr);
    const std::uint64_t idle = reap_idle(batch, nullptr);
    owner.finish();
    CommitTransactionCommand();
    more = expired == batch || idle == batch;
  }
  return more;
}

bool flush(worker::task_context& context) { return flush_touches(context); }
bool tend(worker::task_context& context) { return tend_generations(context); }

bool forget(worker::task_context&) {
  drop_old_history();
  return false;
}

bool drop_orphans(worker::task_context&) {
  begin_upkeep();
  const as_owner owner;
  drop_orphaned_touches();
  owner.finish();
  CommitTransactionCommand();
  return false;
}

void forget_database(unsigned int database) {
  if (touch_array* touches = live_touches()) touches->forget_database(database);
}

}  // namespace

void register_session_tasks() {
  worker::register_worker_task({"session touches", flush_interval, flush, false, false});
  worker::register_worker_task({"ended sessions", reap_interval, reap, false, false});
  worker::register_worker_task({"session generations", generation_interval, tend, false, false});
  worker::register_worker_task({"session history", history_interval, forget, false, false});
  worker::register_worker_task(
      {"orphaned session touches", orphan_interval, drop_orphans, false, false});
  worker::register_worker_farewell(flush_last_touches);
  worker::register_extension_table("session");
  worker::register_extension_table("session_touch");
  worker::register_extension_table("session_history");
  worker::register_database_gone(forget_database);
}

}  // namespace stash

// The worker of one database: claims its slot, looks for the extension, runs the tasks.
//
// Locks: the control lock, briefly; never while a task runs.
// Invariant: the slot holds this process's pid from before it connects until it has left the
// process array, and the exit callback clears only a slot that holds it.
#include "worker/database_worker.hpp"

#include <algorithm>

#include "boundary/guard.hpp"
#include "worker/process.hpp"
#include "worker/runner.hpp"
#include "worker/schedule.hpp"
#include "worker/shared_state.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "commands/dbcommands.h"
}

namespace stash::worker {
namespace {

// With databases waiting, a worker stays that long, and longer only while it has work.
constexpr std::int64_t turn_us = second_us;
constexpr std::int64_t longest_turn_us = 10 * second_us;
// Without being asked, a worker looks that often whether the extension is still there.
constexpr std::int64_t look_us = 5 * second_us;

struct assignment {
  uint64 generation;
  Oid database;
};

// Zeroed, used by a worker's process only.
struct worker_process {
  int index;
  Oid database;
  ending how;
  TimestampTz started_at;
  TimestampTz look_at;
  task_runner tasks;
};

constinit worker_process self{};

// Registered before connecting, with on_shmem_exit, so that it runs after the process has left the
// process array: who waits for us to go must not find us there.
void leave(int, Datum) {
  const TimestampTz now = GetCurrentTimestamp();
  {
    locked state;
    database_slot& slot = state->slots[self.index];
    if (slot.worker.pid != MyProcPid) return;
    const bool stopped = self.how == ending::died && slot.stop;
    note_ending(*state, slot, stopped ? ending::told_to_stop : self.how, now);
    wake(state->launcher);
  }
  ConditionVariableBroadcast(worker_left());
}

// The slot may be another's by now, or somebody may have blocked the database.
bool claim(const assignment& given) {
  const TimestampTz now = GetCurrentTimestamp();
  locked state;
  database_slot& slot = state->slots[self.index];
  if (slot.generation != given.generation || slot.database != given.database) return false;
  if (slot.state != slot_state::starting) return false;
  if (slot.stop || is_blocked(*state, slot.database)) {
    note_ending(*state, slot, ending::told_to_stop, now);
    slot.looked_for = true;
    wake(state->launcher);
    return false;
  }
  slot.state = slot_state::running;
  begin_activity(slot.worker, now);
  self.started_at = now;
  self.database = slot.database;
  return true;
}

[[noreturn]] void finish(ending how) {
  self.how = how;
  proc_exit(0);
}

void note_incomplete(const char* missing) {
  char text[error_bytes];
  snprintf(text, sizeof text, "table stash.%s is missing", missing);
  bool is_news = false;
  {
    locked state;
    activity& worker = state->slots[self.index].worker;
    is_news = strcmp(worker.last_error, text) != 0;
    note_error(worker, text, GetCurrentTimestamp());
  }
  if (is_news)
    ereport(LOG, (errmsg("pg_stash does nothing in the background of database \"%s\": %s",
                         get_database_name(self.database), text),
                  errhint("Drop the extension and create it again.")));
}

// Ends the process unless the extension is there with its tables.
void look() {
  {
    locked state;
    state->slots[self.index].looked_for = false;
  }
  self.look_at = GetCurrentTimestamp() + look_us;
  const char* missing = nullptr;
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  const extension_state found = look_at_extension(&missing);
  if (found == extension_state::incomplete) note_incomplete(missing);
  CommitTransactionCommand();
  if (found == extension_state::absent) finish(ending::no_extension);
  if (found == extension_state::incomplete) finish(ending::incomplete);
  locked state;
  state->slots[self.index].confirmed = true;
}

// What others want of this worker: to leave, or to look. Returns when to ask again.
TimestampTz heed_wishes(TimestampTz now) {
  bool stop = false;
  bool look_now = false;
  bool others_wait = false;
  {
    locked state(LW_SHARED);
    const database_slot& slot = state->slots[self.index];
    stop = slot.stop;
    look_now = slot.looked_for;
    others_wait = state->waiting > 0;
  }
  if (stop) finish(ending::told_to_stop);
  if (look_now || now >= self.look_at || self.tasks.lost_extension()) look();
  if (!others_wait) return self.look_at;
  const TimestampTz age = now - self.started_at;
  const bool has_work = self.tasks.next_run() <= now;
  if (age >= longest_turn_us || (age >= turn_us && !has_work)) finish(ending::turn_over);
  return self.started_at + (age < turn_us ? turn_us : longest_turn_us);
}

void loop() {
  while (!asked_to_end()) {
    if (between_tasks()) self.tasks.reschedule();
    const TimestampTz ask_again = heed_wishes(GetCurrentTimestamp());
    if (self.tasks.run_one()) continue;
    (void)sleep_until(std::min(ask_again, self.tasks.next_run()));
  }
}

// A server that shuts down lets its workers end what they do. Whatever fails here is left: the exit
// goes on.
void say_farewell() {
  HOLD_INTERRUPTS();
  PG_TRY();
  { call_worker_farewells(); }
  PG_CATCH();
  {
    EmitErrorReport();
    FlushErrorState();
    AbortOutOfAnyTransaction();
  }
  PG_END_TRY();
  RESUME_INTERRUPTS();
}

void run_worker(int index) {
  assignment given;
  memcpy(&given, MyBgworkerEntry->bgw_extra, sizeof given);
  self.index = index;
  self.how = ending::died;
  on_shmem_exit(leave, 0);
  if (!claim(given)) proc_exit(0);
  set_up_signals();
  BackgroundWorkerInitializeConnectionByOid(self.database, InvalidOid, 0);
  pin_settings();
  pgstat_report_appname(MyBgworkerEntry->bgw_name);
  look();
  self.tasks.start(worker_tasks(), worker_activity(self.index));
  loop();
  say_farewell();
  // SIGTERM: the launcher starts another one soon, unless it is told to end too.
  proc_exit(0);
}

}  // namespace

bool register_database_worker(int index, uint64 generation, Oid database, const char* name,
                              BackgroundWorkerHandle** handle) {
  BackgroundWorker worker;
  memset(&worker, 0, sizeof worker);
  snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s for database \"%s\"", worker_type, name);
  strlcpy(worker.bgw_type, worker_type, sizeof worker.bgw_type);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  strlcpy(worker.bgw_library_name, "pg_stash", sizeof worker.bgw_library_name);
  strlcpy(worker.bgw_function_name, "stash_worker_main", sizeof worker.bgw_function_name);
  worker.bgw_main_arg = Int32GetDatum(index);
  const assignment given = {generation, database};
  static_assert(sizeof given <= BGW_EXTRALEN);
  memcpy(worker.bgw_extra, &given, sizeof given);
  worker.bgw_notify_pid = MyProcPid;
  return RegisterDynamicBackgroundWorker(&worker, handle);
}

}  // namespace stash::worker

extern "C" {
PGDLLEXPORT void stash_worker_main(Datum argument);
void stash_worker_main(Datum argument) {
  stash::run_guarded([&] { stash::worker::run_worker(DatumGetInt32(argument)); });
}
}

// The launcher's process: starts, stops and restarts the workers of the databases.
//
// It holds no shared state but its own activity. Whatever it knows of workers stands in the slots,
// so that workers outlive a launcher that was terminated and the next one finds them there.
//
// Locks: the control lock, never while it speaks to the postmaster or to a catalog.
#include "worker/launcher.hpp"

#include <algorithm>

#include "boundary/guard.hpp"
#include "boundary/settings.hpp"
#include "worker/database_worker.hpp"
#include "worker/process.hpp"
#include "worker/roster.hpp"
#include "worker/runner.hpp"
#include "worker/schedule.hpp"
#include "worker/shared_state.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace stash::worker {
namespace {

constexpr int restart_seconds = 5;
constexpr std::int64_t rescan_us = 60 * second_us;
constexpr std::int64_t registration_pause_us = 5 * second_us;
constexpr std::int64_t complaint_pause_us = 60 * second_us;

// A worker that the postmaster was asked for and that has not reported yet.
struct pending_start {
  BackgroundWorkerHandle* handle;
  uint64 generation;
};

struct launcher_process {
  roster databases;
  task_runner tasks;
  pending_start pending[max_databases];
  TimestampTz rescan_at;
  TimestampTz register_at;  // after a failure, unless a worker ends before
  uint64 endings_then;
  TimestampTz complained_at;
  TimestampTz wake_at;
};

// Zeroed, used by the launcher's process only.
constinit launcher_process self{};

void leave(int, Datum) {
  locked state;
  if (state->launcher.pid != MyProcPid) return;
  state->launcher.pid = 0;
  // Until the next one comes nobody would start another worker in place of one that makes room.
  state->waiting = 0;
}

void mark_done(int index) {
  locked state;
  state->once_done |= uint64{1} << index;
}

// Workers that the last launcher asked for may still come: they will find another generation.
void take_over() {
  uint64 done = 0;
  const TimestampTz now = GetCurrentTimestamp();
  {
    locked state;
    begin_activity(state->launcher, now);
    for (database_slot& slot : state->slots)
      if (OidIsValid(slot.database) && slot.state == slot_state::starting) {
        slot.generation = ++state->next_generation;
        note_ending(*state, slot, ending::told_to_stop, now);
      }
    done = state->once_done;
  }
  self.tasks.start(launcher_tasks(), launcher_activity());
  self.tasks.on_once_done(mark_done);
  for (int i = 0; i < launcher_tasks().count; i++)
    if ((done >> i & 1) != 0) self.tasks.skip(i);
}

// Starts that came to nothing: the postmaster could not fork, or the worker left before it
// reported.
void review_pending() {
  for (int i = 0; i < max_databases; i++) {
    pending_start& pending = self.pending[i];
    if (pending.handle == nullptr) continue;
    pid_t pid = 0;
    const BgwHandleStatus status = GetBackgroundWorkerPid(pending.handle, &pid);
    if (status == BGWH_NOT_YET_STARTED) continue;
    if (status == BGWH_STOPPED) {
      const TimestampTz now = GetCurrentTimestamp();
      locked state;
      database_slot& slot = state->slots[i];
      if (slot.generation == pending.generation && slot.state == slot_state::starting)
        note_ending(*state, slot, ending::died, now);
    }
    if (status == BGWH_STARTED) {
      locked state(LW_SHARED);
      const database_slot& slot = state->slots[i];
      if (slot.generation == pending.generation && slot.state == slot_state::starting) continue;
    }
    pfree(pending.handle);
    pending.handle = nullptr;
  }
}

// Slots in which no extension was found go back, unless somebody asked for another look meanwhile.
void review_endings() {
  locked state;
  for (database_slot& slot : state->slots) {
    if (!OidIsValid(slot.database) || slot.state != slot_state::idle) continue;
    if (slot.ended != ending::no_extension) continue;
    slot.ended = ending::none;
    slot.confirmed = false;
    if (slot.looked_for) continue;
    if (known_database* entry = self.databases.find(slot.database)) {
      entry->no_extension = true;
      entry->looked_at = slot.ended_at;
    }
    free_slot(slot);
  }
}

// A backend unblocks at the end of its transaction, FATAL or not; this is for what nobody foresaw.
void free_dead_blocks() {
  for (int i = 0; i < max_blocks; i++) {
    pid_t owner = 0;
    {
      locked state(LW_SHARED);
      if (OidIsValid(state->blocks[i].database)) owner = state->blocks[i].owner;
    }
    if (owner == 0 || BackendPidGetProc(owner) != nullptr) continue;
    locked state;
    if (state->blocks[i].owner == owner) state->blocks[i].database = InvalidOid;
  }
}

// Returns how many may be started. Too many, or of a database that is none for workers: told to
// stop.
int stop_superfluous() {
  locked state;
  int alive = 0;
  for (database_slot& slot : state->slots) {
    if (!OidIsValid(slot.database) || slot.state == slot_state::idle) continue;
    const known_database* entry = self.databases.find(slot.database);
    const bool welcome = entry != nullptr && entry->may_connect;
    if (welcome && !slot.stop && ++alive <= settings::max_workers) continue;
    slot.stop = true;
    wake(slot.worker);
  }
  // Those who have been told to stop still occupy a process.
  int processes = 0;
  for (const database_slot& slot : state->slots)
    if (OidIsValid(slot.database) && slot.state != slot_state::idle) processes++;
  return settings::max_workers - processes;
}

constexpr int nobody_waits = -1;
constexpr int no_slot = -2;

// A slot's index, reserved for the next worker, or one of the above.
int reserve(TimestampTz now, database_slot* reserved, NameData* name) {
  locked state;
  int waiting = 0;
  known_database* entry = self.databases.next_candidate(*state, now, &waiting, &self.wake_at);
  if (entry == nullptr) return nobody_waits;
  database_slot* slot = find_or_add_slot(*state, entry->database);
  if (slot == nullptr) {
    entry->no_extension = true;  // for now: forget_oldest_look comes back to it
    entry->looked_at = now;
    return no_slot;
  }
  slot->state = slot_state::starting;
  slot->ended = ending::none;
  slot->looked_for = false;
  slot->stop = false;
  slot->generation = ++state->next_generation;
  *reserved = *slot;
  *name = entry->name;
  return static_cast<int>(slot - state->slots);
}

void complain(const char* what, const char* hint) {
  const TimestampTz now = GetCurrentTimestamp();
  if (self.complained_at != 0 && now - self.complained_at < complaint_pause_us) return;
  self.complained_at = now;
  ereport(LOG, (errmsg("pg_stash: %s", what), errhint("%s", hint)));
}

void give_back(int index, uint64 generation) {
  locked state;
  database_slot& slot = state->slots[index];
  if (slot.generation != generation || slot.state != slot_state::starting) return;
  slot.state = slot_state::idle;
  slot.looked_for = true;
}

bool start_one(int index, const database_slot& slot, const NameData& name) {
  BackgroundWorkerHandle* handle = nullptr;
  if (!register_database_worker(index, slot.generation, slot.database, NameStr(name), &handle)) {
    give_back(index, slot.generation);
    complain("no slot for a background worker is free",
             "Increase \"max_worker_processes\" or decrease \"stash.max_workers\".");
    return false;
  }
  if (self.pending[index].handle != nullptr) pfree(self.pending[index].handle);
  self.pending[index] = {handle, slot.generation};
  return true;
}

uint64 endings() {
  locked state(LW_SHARED);
  return state->endings;
}

void start_workers(int allowed) {
  const TimestampTz now = GetCurrentTimestamp();
  if (now < self.register_at && self.endings_then == endings()) allowed = 0;
  while (allowed > 0) {
    database_slot reserved;
    NameData name;
    const int index = reserve(now, &reserved, &name);
    if (index == nobody_waits) break;
    if (index == no_slot) {
      complain("more databases have the extension than background workers can serve",
               "The others keep working, but nothing is done for them in the background.");
      continue;
    }
    if (!start_one(index, reserved, name)) {
      self.register_at = now + registration_pause_us;
      self.endings_then = endings();
      break;
    }
    allowed--;
  }
  if (now < self.register_at) self.wake_at = std::min(self.wake_at, self.register_at);
  locked state;
  int waiting = 0;
  (void)self.databases.next_candidate(*state, now, &waiting, &self.wake_at);
  // The workers sleep for as long as their tasks allow, unless they know that others wait.
  if (waiting > 0 && state->waiting == 0)
    for (const database_slot& slot : state->slots)
      if (OidIsValid(slot.database)) wake(slot.worker);
  state->waiting = waiting;
}

// A look at pg_database: when somebody said so, and once a minute.
void rescan_when_due() {
  const TimestampTz now = GetCurrentTimestamp();
  bool asked = false;
  bool look_at_all = false;
  {
    locked state;
    asked = state->rescan;
    look_at_all = state->look_at_all;
    state->rescan = false;
    state->look_at_all = false;
  }
  if (look_at_all) self.databases.forget_looks();
  if (now >= self.rescan_at) self.databases.forget_oldest_look();
  if (!asked && now < self.rescan_at) return;
  self.databases.read_catalog();
  if (now >= self.rescan_at) self.rescan_at = now + rescan_us;
}

void run_tasks() {
  while (!asked_to_end() && self.tasks.run_one()) {
    if (between_tasks()) self.tasks.reschedule();
  }
}

void loop() {
  while (!asked_to_end()) {
    if (between_tasks()) self.tasks.reschedule();
    self.wake_at = self.rescan_at;
    pgstat_report_activity(STATE_RUNNING, "looking after the workers");
    rescan_when_due();
    review_pending();
    review_endings();
    free_dead_blocks();
    start_workers(stop_superfluous());
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
    run_tasks();
    if (asked_to_end()) break;
    (void)sleep_until(std::min({self.rescan_at, self.wake_at, self.tasks.next_run()}));
  }
}

void run_launcher() {
  before_shmem_exit(leave, 0);
  pqsignal(SIGINT, SIG_IGN);
  set_up_signals();
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  pin_settings();
  pgstat_report_appname(launcher_type);
  self.databases.start();
  take_over();
  ereport(DEBUG1, (errmsg_internal("pg_stash launcher started")));
  loop();
  ereport(DEBUG1, (errmsg_internal("pg_stash launcher ends")));
  // Exit code 0 would unregister it for good; after 1 the postmaster starts it again, when it runs
  // on.
  proc_exit(1);
}

}  // namespace

void register_launcher() {
  BackgroundWorker worker;
  memset(&worker, 0, sizeof worker);
  strlcpy(worker.bgw_name, launcher_type, sizeof worker.bgw_name);
  strlcpy(worker.bgw_type, launcher_type, sizeof worker.bgw_type);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = restart_seconds;
  strlcpy(worker.bgw_library_name, "pg_stash", sizeof worker.bgw_library_name);
  strlcpy(worker.bgw_function_name, "stash_launcher_main", sizeof worker.bgw_function_name);
  RegisterBackgroundWorker(&worker);
}

}  // namespace stash::worker

extern "C" {
PGDLLEXPORT void stash_launcher_main(Datum);
void stash_launcher_main(Datum) { stash::run_guarded(stash::worker::run_launcher); }
}

// Runs tasks and survives their errors (see runner.hpp).
#include "worker/runner.hpp"

#include <algorithm>

#include "boundary/guard.hpp"
#include "worker/process.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "common/hashfn.h"
#include "utils/backend_status.h"
}

namespace stash::worker {
namespace {

// How long one run may take, and how much it is given when another task is already due.
constexpr std::int64_t budget_us = 200'000;
constexpr std::int64_t least_budget_us = 10'000;

const char* missing_table = nullptr;

bool table_exists(const char* name) {
  const bool exists = OidIsValid(get_relname_relid(name, get_namespace_oid("stash", true)));
  if (!exists) missing_table = name;
  return exists;
}

void add_context(void* name) { errcontext("pg_stash task \"%s\"", static_cast<const char*>(name)); }

struct attempt_result {
  bool more_waits;
  bool lost_extension;
};

// Whatever is raised in here reaches the PG_CATCH of attempt().
void run_task(const task& task, task_context& context, attempt_result* result) {
  if (!task.in_transaction) {
    result->more_waits = task.run(context);
    return;
  }
  StartTransactionCommand();
  const char* missing = nullptr;
  if (task.needs_extension_tables && look_at_extension(&missing) != extension_state::present) {
    result->lost_extension = true;
  } else {
    PushActiveSnapshot(GetTransactionSnapshot());
    result->more_waits = task.run(context);
    PopActiveSnapshot();
  }
  CommitTransactionCommand();
}

// Leaves nothing of a failed task behind, whether it had a transaction or not.
void clean_up_after_error() {
  AbortOutOfAnyTransaction();
  LWLockReleaseAll();
  ConditionVariableCancelSleep();
  pgstat_report_wait_end();
}

}  // namespace

extension_state look_at_extension(const char** missing) {
  if (!OidIsValid(get_extension_oid("pg_stash", true))) return extension_state::absent;
  if (every_extension_table(table_exists)) return extension_state::present;
  *missing = missing_table;
  return extension_state::incomplete;
}

void task_runner::start(task_list tasks, activity* counted) {
  list_ = tasks;
  counted_ = counted;
  const TimestampTz now = GetCurrentTimestamp();
  for (int i = 0; i < list_.count; i++) schedules_[i].due = now;
}

void task_runner::reschedule() {
  const TimestampTz now = GetCurrentTimestamp();
  for (int i = 0; i < list_.count; i++)
    if (const int interval = interval_of(i); interval >= 0)
      schedules_[i].due = std::min(schedules_[i].due, now + std::int64_t{interval} * 1000);
}

// A task that rests after a failure goes on resting.
void task_runner::hear_wishes(TimestampTz now) {
  for (int i = 0; i < list_.count; i++)
    if (list_.tasks[i].wanted != nullptr && schedules_[i].due > now && list_.tasks[i].wanted())
      schedules_[i].due = now;
}

int task_runner::most_overdue(TimestampTz now) const {
  int best = -1;
  for (int i = 0; i < list_.count; i++) {
    if (schedules_[i].next_run() > now) continue;
    if (best < 0 || schedules_[i].next_run() < schedules_[best].next_run()) best = i;
  }
  return best;
}

TimestampTz task_runner::next_run() const {
  std::int64_t next = never;
  for (int i = 0; i < list_.count; i++) next = std::min(next, schedules_[i].next_run());
  return next;
}

// The others' due times bound the budget, so that a task which waits for a network delays nobody.
TimestampTz task_runner::deadline_of(int index, TimestampTz now) const {
  std::int64_t deadline = now + budget_us;
  for (int i = 0; i < list_.count; i++)
    if (i != index) deadline = std::min(deadline, schedules_[i].next_run());
  return std::max(deadline, now + least_budget_us);
}

int task_runner::interval_of(int index) const {
  const task& task = list_.tasks[index];
  return task.interval_ms == nullptr ? -1 : task.interval_ms();
}

bool task_runner::run_one() {
  const TimestampTz present = GetCurrentTimestamp();
  // A clock that was set back must not let everything rest until it is where it was.
  if (present < last_look_) reschedule();
  last_look_ = present;
  hear_wishes(present);
  const int index = most_overdue(present);
  if (index < 0) return false;
  bool more_waits = false;
  const bool succeeded = attempt(index, &more_waits);
  const TimestampTz now = GetCurrentTimestamp();
  if (succeeded) {
    schedules_[index].succeeded(now, interval_of(index), more_waits);
    if (schedules_[index].due == never && once_done_ != nullptr) once_done_(index);
    count(false, nullptr);
  } else {
    schedules_[index].failed(now, interval_of(index));
  }
  return true;
}

bool task_runner::attempt(int index, bool* more_waits) {
  const task& task = list_.tasks[index];
  const MemoryContext outer = CurrentMemoryContext;
  const MemoryContext scratch =
      AllocSetContextCreate(outer, "pg_stash task", ALLOCSET_DEFAULT_SIZES);
  task_context context(deadline_of(index, GetCurrentTimestamp()));
  attempt_result result = {false, false};
  attempt_result* const filled = &result;
  ErrorContextCallback callback = {error_context_stack, add_context, const_cast<char*>(task.name)};
  volatile bool succeeded = true;

  MemoryContextSwitchTo(scratch);
  error_context_stack = &callback;
  SetCurrentStatementStartTimestamp();
  pgstat_report_activity(STATE_RUNNING, task.name);
  PG_TRY();
  {
    run_guarded([&] { run_task(task, context, filled); });
  }
  PG_CATCH();
  {
    succeeded = false;
    report_failure(index, scratch);
  }
  PG_END_TRY();
  error_context_stack = callback.previous;
  MemoryContextSwitchTo(outer);
  MemoryContextDelete(scratch);
  pgstat_report_stat(false);
  pgstat_report_activity(STATE_IDLE, nullptr);
  *more_waits = result.more_waits;
  lost_extension_ = lost_extension_ || result.lost_extension;
  return succeeded;
}

void task_runner::report_failure(int index, MemoryContext context) {
  HOLD_INTERRUPTS();
  MemoryContextSwitchTo(context);
  ErrorData* error = CopyErrorData();
  const char* text = error->message != nullptr ? error->message : "unknown error";
  const auto length = static_cast<int>(strlen(text));
  const std::uint64_t hash =
      hash_bytes_extended(reinterpret_cast<const unsigned char*>(text), length, 0);
  error_gate& gate = gates_[index];
  const std::uint64_t repeated = gate.suppressed;
  const bool admitted = gate.admits(hash, GetCurrentTimestamp());
  if (admitted) EmitErrorReport();
  FlushErrorState();
  clean_up_after_error();
  MemoryContextSwitchTo(context);
  if (admitted && repeated > 0) {
    gate.suppressed = 0;
    ereport(LOG, (errmsg("pg_stash task \"%s\" had failed %llu more times with the error before",
                         list_.tasks[index].name, static_cast<unsigned long long>(repeated))));
  }
  count(true, text);
  RESUME_INTERRUPTS();
}

void task_runner::count(bool failed, const char* error) {
  std::int64_t oldest = never;
  for (int i = 0; i < list_.count; i++) oldest = std::min(oldest, schedules_[i].due);
  const TimestampTz now = GetCurrentTimestamp();
  locked state;
  counted_->last_active = now;
  counted_->oldest_due = oldest == never ? 0 : oldest;
  counted_->tasks_run++;
  if (failed) note_error(*counted_, error, now);
}

}  // namespace stash::worker

// Runs a list of tasks when they are due, and survives their errors. One per process.
//
// Locks: none of its own; what it counts goes into the process's `activity` under the control lock.
#pragma once

#include <utility>

#include "worker/schedule.hpp"
#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"
#include "worker/shared_state.hpp"

namespace stash::worker {

// What a look at the database found.
enum class extension_state { present, absent, incomplete };

class task_runner {
 public:
  void start(task_list tasks, activity* counted);

  // Runs the most overdue task that may run now; false when there is none.
  bool run_one();
  // The intervals may have become shorter.
  void reschedule();
  // When the next task may run.
  TimestampTz next_run() const;
  // Has a task that needs the extension not found it whole since this was last asked?
  bool lost_extension() { return std::exchange(lost_extension_, false); }
  // Marks a task as done for the rest of this process's life.
  void skip(int index) { schedules_[index].due = never; }
  // Called with the index of a task that ran once and succeeded.
  void on_once_done(void (*callback)(int index)) { once_done_ = callback; }

 private:
  void hear_wishes(TimestampTz now);
  int most_overdue(TimestampTz now) const;
  TimestampTz deadline_of(int index, TimestampTz now) const;
  int interval_of(int index) const;
  bool attempt(int index, bool* more_waits);
  void report_failure(int index, MemoryContext context);
  void count(bool failed, const char* error);

  task_list list_ = {};
  activity* counted_ = nullptr;
  void (*once_done_)(int index) = nullptr;
  bool lost_extension_ = false;
  std::int64_t last_look_ = 0;
  task_schedule schedules_[max_tasks];
  error_gate gates_[max_tasks];
};

// Inside a transaction: is the extension here, with every registered table? `missing` is told the
// name of the first table that is not.
extension_state look_at_extension(const char** missing);

}  // namespace stash::worker

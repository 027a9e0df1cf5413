// What modules want done in the background: they register it here, nobody edits the loops.
//
// Register in _PG_init only, before worker::install(). A worker task runs in the worker of every
// database that has the extension, a launcher task in the launcher, which is connected to no
// database. The loops run one task at a time, the most overdue first. A task that raises an error
// has its transaction rolled back and rests for a while; the others go on.
#pragma once

#include <cstdint>

namespace stash::worker {

// What a running task may know about its time, and how it waits.
class task_context {
 public:
  explicit task_context(std::int64_t deadline_us) : deadline_us_(deadline_us) {}

  // Until then the task should return; it is true that others are due afterwards.
  [[nodiscard]] int time_left_ms() const;
  // The budget is used up, or the process has been asked to end.
  [[nodiscard]] bool out_of_time() const;

  // Sleeps at most until the budget is used up, the process is woken, or the socket (an epoll
  // descriptor that stands for many sockets will do) is ready. Returns the socket's events, 0 when
  // none. Raises an error when the process is to end. No transaction may be open.
  static constexpr unsigned readable = 1;
  static constexpr unsigned writeable = 2;
  [[nodiscard]] unsigned wait(int socket, unsigned events, int timeout_ms) const;

 private:
  std::int64_t deadline_us_;
};

struct task {
  const char* name;
  // Pause after a run that left nothing; read anew after each run. nullptr: run once.
  int (*interval_ms)();
  // Returns true when more work waits: it runs again as soon as the others had their turn.
  bool (*run)(task_context& context);
  // Wrap each run in a transaction with a snapshot. Without it the task opens its own.
  bool in_transaction;
  // Look for the extension and its tables first, in the same transaction: see
  // register_extension_table. Worker tasks in a transaction only.
  bool needs_extension_tables;
  // Asked whenever the process wakes: true runs it now, whatever its interval. Must be cheap.
  bool (*wanted)() = nullptr;
};

void register_worker_task(const task& task);

// A launcher task with no interval runs once in the life of the shared memory: after a start,
// a crash restart and a promotion. When it fails it is tried again until it succeeds.
void register_launcher_task(const task& task);

// Called in the launcher, outside a transaction, for a database that has been dropped; more than
// once if need be. One that was dropped while no launcher ran is told only if it had a worker.
void register_database_gone(void (*callback)(unsigned int database));

// Called once in a database's worker that is told to end while no task runs: what it still wants to
// write down. Outside a transaction, with interrupts held off, so it must be short.
void register_worker_farewell(void (*callback)());

// A table in schema stash without which no task makes sense (a damaged or half-restored database).
void register_extension_table(const char* name);

// For the loops.
constexpr int max_tasks = 16;
struct task_list {
  const task* tasks;
  int count;
};
task_list worker_tasks();
task_list launcher_tasks();
void call_database_gone(unsigned int database);
void call_worker_farewells();
// Visits the registered tables until `visit` returns false.
bool every_extension_table(bool (*visit)(const char* name));

}  // namespace stash::worker

// The registries of background work (see tasks.hpp). Filled in the postmaster, inherited by fork.
#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

namespace stash::worker {
namespace {

template <typename Entry, int capacity>
struct registry {
  Entry entries[capacity];
  int count;

  void add(const Entry& entry) {
    if (count == capacity) elog(ERROR, "too many background tasks in pg_stash");
    entries[count++] = entry;
  }
};

registry<task, max_tasks> for_workers;
registry<task, max_tasks> for_launcher;
registry<void (*)(unsigned int), max_tasks> gone_callbacks;
registry<void (*)(), max_tasks> farewells;
registry<const char*, max_tasks> tables;

}  // namespace

void register_worker_task(const task& task) { for_workers.add(task); }

void register_launcher_task(const task& task) { for_launcher.add(task); }

void register_database_gone(void (*callback)(unsigned int)) { gone_callbacks.add(callback); }

void register_worker_farewell(void (*callback)()) { farewells.add(callback); }

void register_extension_table(const char* name) { tables.add(name); }

task_list worker_tasks() { return {for_workers.entries, for_workers.count}; }

task_list launcher_tasks() { return {for_launcher.entries, for_launcher.count}; }

void call_database_gone(unsigned int database) {
  for (int i = 0; i < gone_callbacks.count; i++) gone_callbacks.entries[i](database);
}

void call_worker_farewells() {
  for (int i = 0; i < farewells.count; i++) farewells.entries[i]();
}

bool every_extension_table(bool (*visit)(const char* name)) {
  for (int i = 0; i < tables.count; i++)
    if (!visit(tables.entries[i])) return false;
  return true;
}

}  // namespace stash::worker

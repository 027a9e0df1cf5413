// What launcher, workers and backends know of each other: the workers' part of the shared segment.
//
// Lock: everything here, but for worker_left, is read and written under the first control lock
// (class locked). Nothing reports or waits under it.
//
// Invariants
// - A slot belongs to one database; the launcher frees it, others add one in order to ask for a
// look.
// - slot.pid != 0 says that this process may be attached to the database. The process writes it
//   before it connects and clears it after it has left the process array: whoever saw a block of
//   his and pid 0 knows that nobody of ours is attached, or will be while the block stands.
// - A worker acts on a slot only while the generation is the one it was started for, so a worker
//   that the postmaster starts late, after its launcher gave up on it, finds nothing to do.
// - `looked_for` is cleared only before a look at the database begins, so a CREATE EXTENSION that
//   commits during a look leads to another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "boundary/postgres.hpp"

namespace stash::worker {

constexpr int max_databases = 512;
constexpr int max_blocks = 64;
constexpr int error_bytes = 256;

// What worker_status() shows of a process and of those that were in its place before.
struct activity {
  pid_t pid;
  int process;  // index in the process array, valid while pid != 0
  TimestampTz started_at;
  TimestampTz last_active;
  TimestampTz oldest_due;  // the earliest time at which one of its tasks ought to run; 0: none
  int64 tasks_run;
  int64 failures;
  TimestampTz failed_at;
  int encoding;
  char last_error[error_bytes];
};

enum class slot_state : int { idle, starting, running };

// How the last worker ended. `died` stands until a worker says otherwise.
enum class ending : int { none, died, no_extension, incomplete, turn_over, told_to_stop };

struct database_slot {
  Oid database;  // InvalidOid: the slot is free
  slot_state state;
  ending ended;
  uint64 generation;
  bool looked_for;  // somebody wants a look at the extension
  bool stop;        // the worker is to leave
  bool confirmed;   // the extension and its tables were there
  int deaths;       // in a row
  TimestampTz ended_at;
  TimestampTz retry_at;
  activity worker;
};

// A backend that runs a command which nobody else may be connected for, until its transaction ends.
struct database_block {
  Oid database;  // InvalidOid: free
  pid_t owner;
};

struct shared_state {
  activity launcher;
  uint64 next_generation;
  uint64 endings;    // how many workers have ended
  uint64 once_done;  // bit: launcher task that runs once
  bool rescan;       // pg_database changed
  bool look_at_all;  // a wish to look found no slot
  int waiting;       // databases that have no worker and want one
  int slots_used;    // no slot from here on has ever been taken
  database_block blocks[max_blocks];
  database_slot slots[max_databases];
  ConditionVariable worker_left;
};

// The control lock for a scope, and what it protects.
class locked {
 public:
  explicit locked(LWLockMode mode = LW_EXCLUSIVE);
  ~locked();
  locked(const locked&) = delete;
  locked& operator=(const locked&) = delete;
  shared_state* operator->() const;
  shared_state& operator*() const;
};

void register_shared_state();
bool have_shared_state();
ConditionVariable* worker_left();
activity* launcher_activity();
activity* worker_activity(int index);

// The rest is called with the lock held.
database_slot* find_slot(shared_state& state, Oid database);
database_slot* find_or_add_slot(shared_state& state, Oid database);
void free_slot(database_slot& slot);
bool is_blocked(const shared_state& state, Oid database);
// Asks for a look at the database: whether the extension is there, or the database itself.
void look_for(shared_state& state, Oid database);
// A worker ended, or never started.
void note_ending(shared_state& state, database_slot& slot, ending how, TimestampTz now);
void note_error(activity& who, const char* text, TimestampTz now);
void begin_activity(activity& who, TimestampTz now);

void wake(const activity& who);

}  // namespace stash::worker

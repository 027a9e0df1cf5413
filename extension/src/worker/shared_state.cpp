// The workers' part of shared memory (see shared_state.hpp).
#include "worker/shared_state.hpp"

#include "boundary/shared_memory.hpp"
#include "worker/schedule.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace stash::worker {
namespace {

// A worker that lived that long was healthy: when it dies, the pauses begin anew at the shortest.
constexpr std::int64_t healthy_us = 30 * second_us;
constexpr std::int64_t longest_pause_us = 60 * second_us;
// A damaged extension is looked at that often without being asked.
constexpr std::int64_t incomplete_pause_us = 60 * second_us;

shared_state* shared = nullptr;

LWLock* control_lock() { return static_cast<LWLock*>(lock_at(lock_tranche::control, 0)); }

}  // namespace

locked::locked(LWLockMode mode) { LWLockAcquire(control_lock(), mode); }
locked::~locked() { LWLockRelease(control_lock()); }
shared_state* locked::operator->() const { return shared; }
shared_state& locked::operator*() const { return *shared; }

void register_shared_state() {
  register_shared_part({
      .name = "worker",
      .size = [] { return sizeof(shared_state); },
      .initialize =
          [](void* memory) {
            auto* state = static_cast<shared_state*>(memory);
            memset(state, 0, sizeof *state);
            ConditionVariableInit(&state->worker_left);
          },
      .attach = [](void* memory) { shared = static_cast<shared_state*>(memory); },
  });
}

bool have_shared_state() { return shared != nullptr; }

ConditionVariable* worker_left() { return &shared->worker_left; }
activity* launcher_activity() { return &shared->launcher; }
activity* worker_activity(int index) { return &shared->slots[index].worker; }

database_slot* find_slot(shared_state& state, Oid database) {
  for (int i = 0; i < state.slots_used; i++)
    if (state.slots[i].database == database) return &state.slots[i];
  return nullptr;
}

database_slot* find_or_add_slot(shared_state& state, Oid database) {
  if (database_slot* slot = find_slot(state, database)) return slot;
  database_slot* slot = find_slot(state, InvalidOid);
  if (slot == nullptr && state.slots_used < max_databases) slot = &state.slots[state.slots_used++];
  if (slot == nullptr) return nullptr;
  memset(slot, 0, sizeof *slot);
  slot->database = database;
  return slot;
}

void free_slot(database_slot& slot) { slot.database = InvalidOid; }

bool is_blocked(const shared_state& state, Oid database) {
  for (const database_block& block : state.blocks)
    if (block.database == database) return true;
  return false;
}

void look_for(shared_state& state, Oid database) {
  database_slot* slot = find_or_add_slot(state, database);
  if (slot == nullptr) {
    state.look_at_all = true;
    return;
  }
  slot->looked_for = true;
  slot->deaths = 0;
  slot->retry_at = 0;
  wake(slot->worker);
}

void note_ending(shared_state& state, database_slot& slot, ending how, TimestampTz now) {
  state.endings++;
  slot.state = slot_state::idle;
  slot.ended = how;
  slot.ended_at = now;
  slot.stop = false;
  slot.retry_at = 0;
  if (how == ending::died) {
    const bool was_healthy = slot.worker.pid != 0 && now - slot.worker.started_at >= healthy_us;
    slot.deaths = was_healthy ? 1 : slot.deaths + 1;
    slot.retry_at = now + backoff_us(slot.deaths, second_us, longest_pause_us);
    note_error(slot.worker, "the worker ended unexpectedly, see the server log", now);
  } else {
    slot.deaths = 0;
    if (how == ending::incomplete) slot.retry_at = now + incomplete_pause_us;
  }
  slot.worker.pid = 0;
}

void note_error(activity& who, const char* text, TimestampTz now) {
  const int length = static_cast<int>(strlen(text));
  const int kept = pg_mbcliplen(text, length, error_bytes - 1);
  memcpy(who.last_error, text, kept);
  who.last_error[kept] = '\0';
  who.encoding = GetDatabaseEncoding();
  who.failed_at = now;
  who.failures++;
}

void begin_activity(activity& who, TimestampTz now) {
  who.pid = MyProcPid;
  who.process = compat::process_number();
  who.started_at = now;
  who.last_active = now;
  who.oldest_due = 0;
}

void wake(const activity& who) {
  if (who.pid != 0) SetLatch(&GetPGProcByNumber(who.process)->procLatch);
}

}  // namespace stash::worker

// See shared.hpp. Owns the vectors' part of the shared segment.
#include "vector/shared.hpp"

#include "boundary/shared_memory.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

struct vector_shared {
  ConditionVariable answered;
  wait_place waiters[vector_waiters];
  vector_slot slots[vector_databases];
  sync_figures figures[sync_figures_count];
};

vector_shared* area = nullptr;

std::size_t area_size() { return sizeof(vector_shared); }
void initialize_area(void* memory) {
  auto* fresh = static_cast<vector_shared*>(memory);
  ConditionVariableInit(&fresh->answered);
}
void attach_area(void* memory) { area = static_cast<vector_shared*>(memory); }

LWLock* slots_lock() { return static_cast<LWLock*>(lock_at(lock_tranche::control, 3)); }

vector_slot* find_slot_of(Oid database) {
  for (vector_slot& slot : area->slots)
    if (slot.database.load() == database) return &slot;
  return nullptr;
}

sync_figures* find_figures(std::int32_t sync) {
  for (sync_figures& each : area->figures)
    if (each.database.load() == MyDatabaseId && each.sync.load() == sync) return &each;
  return nullptr;
}

void clear(sync_figures* figures) {
  figures->settled_rows = 0;
  figures->oldest_at = 0;
  figures->sent = 0;
  figures->deleted = 0;
  figures->failed = 0;
  figures->last_sent_at = 0;
  figures->rate_milli = 0;
  figures->failed_at = 0;
  figures->job = 0;
  figures->last_error[0] = '\0';
  figures->blocked[0] = '\0';
}

}  // namespace

void register_vector_shared() {
  register_shared_part({"vectors", area_size, initialize_area, attach_area});
}

vector_slot* my_vector_slot() {
  static vector_slot* mine = nullptr;
  if (area == nullptr || !OidIsValid(MyDatabaseId)) return nullptr;
  if (mine != nullptr && mine->database.load() == MyDatabaseId) return mine;
  LWLockAcquire(slots_lock(), LW_EXCLUSIVE);
  mine = find_slot_of(MyDatabaseId);
  if (mine == nullptr && (mine = find_slot_of(InvalidOid)) != nullptr) {
    mine->active_leaf = 0;
    mine->worker = 0;
    mine->dirty = 1;
    mine->in_flight = in_flight_unknown;
    mine->breaker = 0;
    mine->open_until = 0;
    mine->configuration = 1;
    mine->held_back[0] = '\0';
    mine->database = MyDatabaseId;
  }
  LWLockRelease(slots_lock());
  return mine;
}

sync_figures* figures_of(std::int32_t sync, bool make) {
  if (area == nullptr) return nullptr;
  LWLockAcquire(slots_lock(), make ? LW_EXCLUSIVE : LW_SHARED);
  sync_figures* found = find_figures(sync);
  if (found == nullptr && make) {
    for (sync_figures& each : area->figures) {
      if (OidIsValid(each.database.load())) continue;
      clear(&each);
      each.sync = sync;
      each.database = MyDatabaseId;
      found = &each;
      break;
    }
  }
  LWLockRelease(slots_lock());
  return found;
}

void forget_figures(std::int32_t sync) {
  if (area == nullptr) return;
  LWLockAcquire(slots_lock(), LW_EXCLUSIVE);
  if (sync_figures* found = find_figures(sync)) found->database = InvalidOid;
  LWLockRelease(slots_lock());
}

void forget_vector_database(unsigned int database) {
  if (area == nullptr) return;
  LWLockAcquire(slots_lock(), LW_EXCLUSIVE);
  for (sync_figures& each : area->figures)
    if (each.database.load() == database) each.database = InvalidOid;
  if (vector_slot* slot = find_slot_of(database)) slot->database = InvalidOid;
  LWLockRelease(slots_lock());
}

void wake_vector_worker(vector_slot* slot) {
  if (slot->dirty.exchange(1) != 0) return;
  const std::int32_t worker = slot->worker.load();
  if (worker > 0) SetLatch(&ProcGlobal->allProcs[worker - 1].procLatch);
}

wait_place* wait_places() { return area == nullptr ? nullptr : area->waiters; }
ConditionVariable* vector_answered() { return area == nullptr ? nullptr : &area->answered; }

}  // namespace stash

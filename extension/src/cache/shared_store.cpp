// Owns the store's part of the shared segment and the condition variables of those who wait for a
// key (see shared_store.hpp). The LWLocks are those of boundary/shared_memory.
#include "cache/shared_store.hpp"

#include <ctime>
#include <new>
#include <vector>

#include "boundary/settings.hpp"
#include "boundary/shared_memory.hpp"
#include "cache/wait_events.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr int waiting_rooms = 64;

store* handle = nullptr;
ConditionVariable* rooms = nullptr;

geometry shape() {
  return geometry::of(static_cast<std::size_t>(settings::memory_mb) << 20,
                      static_cast<std::size_t>(settings::max_value_kb) << 10,
                      static_cast<std::uint32_t>(settings::max_namespaces));
}

std::size_t store_size() { return static_cast<std::size_t>(settings::memory_mb) << 20; }

void acquire(void* lock, lock_mode mode) {
  LWLockAcquire(static_cast<LWLock*>(lock), mode == lock_mode::shared ? LW_SHARED : LW_EXCLUSIVE);
}
void release(void* lock) { LWLockRelease(static_cast<LWLock*>(lock)); }

store* open_store(void* memory) {
  const auto locks_of = [](lock_tranche tranche) {
    std::vector<void*> locks(static_cast<std::size_t>(lock_count(tranche)));
    for (int i = 0; i < lock_count(tranche); i++)
      locks[static_cast<std::size_t>(i)] = lock_at(tranche, i);
    return locks;
  };
  const std::vector<void*> partitions = locks_of(lock_tranche::partition);
  const std::vector<void*> tags = locks_of(lock_tranche::tag);
  return new store(memory, shape(), {acquire, release}, partitions, tags);
}

void initialize_store(void* memory) {
  std::uint64_t seed = 0;
  if (!pg_strong_random(&seed, sizeof seed))
    seed = static_cast<std::uint64_t>(GetCurrentTimestamp());
  const clocks now = read_clocks();
  store* fresh = open_store(memory);
  fresh->initialize(seed, now.wall, now.monotonic);
  delete fresh;
}

void attach_store(void* memory) {
  // After a crash restart the postmaster comes here again.
  delete handle;
  handle = open_store(memory);
}

std::size_t rooms_size() { return sizeof(ConditionVariable) * waiting_rooms; }
void initialize_rooms(void* memory) {
  auto* fresh = static_cast<ConditionVariable*>(memory);
  for (int i = 0; i < waiting_rooms; i++) ConditionVariableInit(&fresh[i]);
}
void attach_rooms(void* memory) { rooms = static_cast<ConditionVariable*>(memory); }

}  // namespace

void register_shared_store() {
  register_shared_part({"store", store_size, initialize_store, attach_store});
  register_shared_part({"waiting rooms", rooms_size, initialize_rooms, attach_rooms});
}

bool store_attached() { return handle != nullptr; }

store& shared_store() {
  if (handle == nullptr)
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("pg_stash is not preloaded, so there is no shared memory for the cache"),
             errhint("Add shared_preload_libraries = 'pg_stash' to postgresql.conf and restart the "
                     "server.")));
  static bool shard_chosen = false;
  if (!shard_chosen && MyProc != nullptr) {
    handle->use_shard(static_cast<std::uint32_t>(compat::process_number()));
    shard_chosen = true;
  }
  return *handle;
}

namespace {
timestamp monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<timestamp>(now.tv_sec) * microseconds_per_second + now.tv_nsec / 1000;
}
}  // namespace

clocks read_clocks() {
  constexpr timestamp close_enough = 50;
  clocks best{};
  timestamp best_gap = never;
  // A process that loses the processor between two readings would see a step that never was.
  for (int i = 0; i < 3 && best_gap > close_enough; i++) {
    const timestamp before = monotonic_now();
    const timestamp wall = GetCurrentTimestamp();
    const timestamp gap = monotonic_now() - before;
    if (gap < best_gap) {
      best_gap = gap;
      best = {wall, before};
    }
  }
  return best;
}

timestamp trusted_now(timestamp seen) {
  shared_clock& clock = shared_store().header().clock;
  const timestamp wall = GetCurrentTimestamp();
  if (seen <= wall && clock.steady(wall, monotonic_now())) return wall;
  const clocks now = read_clocks();
  if (seen > now.wall) clock.must_pass(seen);
  return clock.observe(now.wall, now.monotonic) ? now.wall : 0;
}

void announce_key(std::uint64_t key_hash) {
  ConditionVariableBroadcast(&rooms[key_hash % waiting_rooms]);
}

void wait_for_key(std::uint64_t key_hash, long milliseconds) {
  ConditionVariableTimedSleep(&rooms[key_hash % waiting_rooms], milliseconds,
                              wait_event(wait_event_name::fetch));
}

void stop_waiting_for_key() { ConditionVariableCancelSleep(); }

}  // namespace stash

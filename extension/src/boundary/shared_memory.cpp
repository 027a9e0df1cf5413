// Asks PostgreSQL for the shared segment and hands its parts out (see shared_memory.hpp).
#include "boundary/shared_memory.hpp"

#include "store/geometry.hpp"

#include "boundary/own_mapping.hpp"
#include "boundary/settings.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr int max_parts = 16;
constexpr int control_locks = 4;
constexpr int touch_locks = 64;
constexpr int tranches = 4;

shared_part parts[max_parts];
int part_count = 0;
bool attached = false;
LWLockPadded* locks[tranches] = {};
const char* const tranche_names[tranches] = {"StashPartition", "StashTag", "StashControl",
                                             "StashTouch"};

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

std::size_t total_size() {
  std::size_t size = 0;
  for (int i = 0; i < part_count; i++) size += CACHELINEALIGN(parts[i].size());
  return size;
}

void on_request() {
  if (previous_request_hook != nullptr) previous_request_hook();
  if (!own_mapping_wanted()) RequestAddinShmemSpace(total_size() + PG_CACHE_LINE_SIZE);
  for (auto tranche :
       {lock_tranche::partition, lock_tranche::tag, lock_tranche::control, lock_tranche::touch})
    RequestNamedLWLockTranche(tranche_names[static_cast<int>(tranche)], lock_count(tranche));
}

void on_startup() {
  if (previous_startup_hook != nullptr) previous_startup_hook();
  bool found = false;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  const std::size_t size = total_size() + PG_CACHE_LINE_SIZE;
  auto* base = static_cast<char*>(own_mapping_wanted() ? make_own_mapping(size)
                                                       : ShmemInitStruct("pg_stash", size, &found));
  base = reinterpret_cast<char*>(CACHELINEALIGN(base));
  for (int i = 0; i < tranches; i++) locks[i] = GetNamedLWLockTranche(tranche_names[i]);
  attached = true;
  for (int i = 0; i < part_count; i++) {
    if (!found) parts[i].initialize(base);
    parts[i].attach(base);
    base += CACHELINEALIGN(parts[i].size());
  }
  LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void register_shared_part(const shared_part& part) {
  if (part_count == max_parts) elog(ERROR, "too many parts in pg_stash's shared memory");
  parts[part_count++] = part;
}

void request_shared_memory() {
  previous_request_hook = shmem_request_hook;
  shmem_request_hook = on_request;
  previous_startup_hook = shmem_startup_hook;
  shmem_startup_hook = on_startup;
}

bool shared_memory_attached() { return attached; }

int lock_count(lock_tranche tranche) {
  switch (tranche) {
    case lock_tranche::partition:
      return static_cast<int>(
          partition_count(static_cast<std::size_t>(settings::memory_mb) << 20,
                          static_cast<std::size_t>(settings::max_value_kb) << 10));
    case lock_tranche::tag:
      return tag_lock_count;
    case lock_tranche::control:
      return control_locks;
    case lock_tranche::touch:
      return touch_locks;
  }
  return 0;
}

void* lock_at(lock_tranche tranche, int index) {
  return &locks[static_cast<int>(tranche)][index].lock;
}

}  // namespace stash

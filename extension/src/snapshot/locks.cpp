// See locks.hpp.
#include "snapshot/locks.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "storage/lock.h"
}

namespace stash::memory {
namespace {

// SQL's advisory locks have 1 and 2 here, sessions 22.
constexpr std::uint16_t pool_class = 23;
constexpr std::uint16_t line_class = 24;

LOCKTAG tag_of(std::int64_t id, std::uint16_t lock_class) {
  LOCKTAG tag;
  const auto bits = static_cast<std::uint64_t>(id);
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(bits >> 32),
                       static_cast<uint32>(bits), lock_class);
  return tag;
}

bool acquire(std::int64_t id, std::uint16_t lock_class, LOCKMODE mode, bool wait) {
  const LOCKTAG tag = tag_of(id, lock_class);
  // The transaction's, not the portal's, as it is after a subtransaction: for release_pool.
  const ResourceOwner before = CurrentResourceOwner;
  CurrentResourceOwner = CurTransactionResourceOwner;
  const bool got = LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
  CurrentResourceOwner = before;
  return got;
}

}  // namespace

void share_pool(std::int64_t pool) { (void)acquire(pool, pool_class, ShareLock, true); }
bool try_own_pool(std::int64_t pool) { return acquire(pool, pool_class, ExclusiveLock, false); }
bool own_pool_soon(std::int64_t pool) {
  const MemoryContext memory = CurrentMemoryContext;
  const ResourceOwner resources = CurrentResourceOwner;
  volatile bool owned = false;
  BeginInternalSubTransaction(nullptr);
  PG_TRY();
  {
    (void)set_config_option("lock_timeout", "20ms", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
                            true, 0, false);
    (void)acquire(pool, pool_class, ExclusiveLock, true);
    owned = true;
    ReleaseCurrentSubTransaction();
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(memory);
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = resources;
    if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) ReThrowError(error);
    FreeErrorData(error);
  }
  PG_END_TRY();
  MemoryContextSwitchTo(memory);
  CurrentResourceOwner = resources;
  return owned;
}

void release_pool(std::int64_t pool) {
  const LOCKTAG tag = tag_of(pool, pool_class);
  const ResourceOwner before = CurrentResourceOwner;
  CurrentResourceOwner = CurTransactionResourceOwner;
  (void)LockRelease(&tag, ExclusiveLock, false);
  CurrentResourceOwner = before;
}

void own_line(std::int64_t line) { (void)acquire(line, line_class, ExclusiveLock, true); }

}  // namespace stash::memory

// See prepared.hpp.
#include "cache/prepared.hpp"

#include <atomic>

#include "boundary/pause_point.hpp"
#include "boundary/shared_memory.hpp"
#include "cache/server_start.hpp"
#include "cache/shared_store.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "catalog/pg_control.h"
}

namespace stash {
namespace {

enum class start_state : std::uint32_t { unknown = 0, pending = 1, clear = 2 };

struct prepared_record {
  std::uint32_t xid;  // 0: free
  bool complete;      // the transaction is prepared; before that, its backend still owns the record
  std::uint32_t count;
  std::uint64_t slots[prepared_slots];  // offsets of stamps in the segment
};

struct prepared_part {
  std::atomic<start_state> start;
  std::uint32_t first_xid;  // no transaction from here on was pending at start
  std::atomic<std::uint32_t> active;
  std::uint32_t record_count;
  prepared_record records[1];
};

prepared_part* part = nullptr;
prepared_record* mine = nullptr;

LWLock* control() { return static_cast<LWLock*>(lock_at(lock_tranche::control, 1)); }

std::size_t part_size() {
  return sizeof(prepared_part) +
         sizeof(prepared_record) * static_cast<std::size_t>(Max(max_prepared_xacts, 1));
}
void initialize_part(void* memory) {
  auto* fresh = static_cast<prepared_part*>(memory);
  fresh->record_count = static_cast<std::uint32_t>(Max(max_prepared_xacts, 1));
  // A clean shutdown tells whether something is pending; a crash does not, unless nothing can be
  // prepared. After archive recovery there is more to do than to look for prepared transactions.
  ControlFileData found;
  const bool none =
      max_prepared_xacts == 0 || (read_clean_control(&found) && !left_prepared_transactions());
  fresh->start.store(none && !about_to_recover() ? start_state::clear : start_state::unknown);
}
void attach_part(void* memory) {
  part = static_cast<prepared_part*>(memory);
  mine = nullptr;
}

char* segment_base(const store& owner) { return reinterpret_cast<char*>(&owner.header()); }

void end_flux_of(store& owner, prepared_record& record) {
  const clocks now = read_clocks();
  const timestamp at = owner.header().clock.next_stamp(now.wall, now.monotonic);
  for (std::uint32_t i = 0; i < record.count; i++) {
    auto* slot = reinterpret_cast<stamp*>(segment_base(owner) + record.slots[i]);
    slot->changed(at, true);
    slot->end_flux();
  }
  record = {};
  part->active.fetch_sub(1);
}

// How many transactions are prepared now, of those that had an xid before `first` (0: of all).
std::uint64_t prepared_before(TransactionId first) {
  std::uint64_t found = 0;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  if (SPI_execute("SELECT transaction FROM pg_catalog.pg_prepared_xacts", true, 0) != SPI_OK_SELECT)
    elog(ERROR, "could not read pg_prepared_xacts");
  for (std::uint64_t i = 0; i < SPI_processed; i++) {
    bool is_null = false;
    const Datum xid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
    if (first == InvalidTransactionId || TransactionIdPrecedes(DatumGetTransactionId(xid), first))
      found++;
  }
  SPI_finish();
  return found;
}

// What was read before this moment may be older than what was committed since.
void forget_what_was_read() {
  const clocks now = read_clocks();
  segment_header& header = shared_store().header();
  header.everything.changed(header.clock.next_stamp(now.wall, now.monotonic), true);
}

// Nobody was told what committed between the start and the first look: prepared transactions that
// ended without a look, and whatever recovery replayed under the eyes of readers.
void begin_start_check() {
  const bool none_pending = prepared_before(InvalidTransactionId) == 0;
  LWLockAcquire(control(), LW_EXCLUSIVE);
  if (part->start.load() == start_state::unknown) {
    part->first_xid = ReadNextTransactionId();
    if (none_pending)
      forget_what_was_read();
    else
      shared_store().header().everything.begin_flux();
    part->start.store(none_pending ? start_state::clear : start_state::pending);
  }
  LWLockRelease(control());
}

void continue_start_check() {
  if (part->start.load() != start_state::pending || prepared_before(part->first_xid) > 0) return;
  LWLockAcquire(control(), LW_EXCLUSIVE);
  if (part->start.load() == start_state::pending) {
    forget_what_was_read();
    shared_store().header().everything.end_flux();
    part->start.store(start_state::clear);
  }
  LWLockRelease(control());
}

}  // namespace

void register_prepared_part() {
  register_shared_part({"prepared", part_size, initialize_part, attach_part});
}

void reserve_prepared_record(std::uint32_t xid) {
  for (int attempt = 0; attempt < 2 && mine == nullptr; attempt++) {
    if (attempt == 1) resolve_prepared();
    LWLockAcquire(control(), LW_EXCLUSIVE);
    for (std::uint32_t i = 0; i < part->record_count && mine == nullptr; i++)
      if (part->records[i].xid == 0) {
        mine = &part->records[i];
        *mine = {};
        mine->xid = xid;
      }
    LWLockRelease(control());
  }
  if (mine == nullptr)
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("pg_stash remembers too many prepared transactions"),
                    errhint("Increase max_prepared_transactions.")));
}

void release_prepared_record() {
  if (mine == nullptr) return;
  LWLockAcquire(control(), LW_EXCLUSIVE);
  *mine = {};
  LWLockRelease(control());
  mine = nullptr;
}

void fill_prepared_record(own_flux held) {
  const store& owner = shared_store();
  LWLockAcquire(control(), LW_EXCLUSIVE);
  mine->count = static_cast<std::uint32_t>(held.size());
  for (std::size_t i = 0; i < held.size(); i++)
    mine->slots[i] =
        static_cast<std::uint64_t>(reinterpret_cast<char*>(held[i]) - segment_base(owner));
  mine->complete = true;
  part->active.fetch_add(1);
  LWLockRelease(control());
  mine = nullptr;
}

bool resolve_prepared() {
  if (part == nullptr || part->active.load() == 0) return false;
  bool resolved = false;
  for (std::uint32_t i = 0; i < part->record_count; i++) {
    LWLockAcquire(control(), LW_SHARED);
    const std::uint32_t xid = part->records[i].complete ? part->records[i].xid : 0;
    LWLockRelease(control());
    if (xid == 0 || TransactionIdIsInProgress(xid)) continue;
    pause_here(pause_point::before_resolve);
    LWLockAcquire(control(), LW_EXCLUSIVE);
    // Somebody else may have been here, and the record may be another transaction's by now.
    if (part->records[i].complete && part->records[i].xid == xid) {
      end_flux_of(shared_store(), part->records[i]);
      resolved = true;
    }
    LWLockRelease(control());
  }
  return resolved;
}

void check_prepared_at_start() {
  if (part->start.load(std::memory_order_acquire) == start_state::clear) [[likely]]
    return;
  // On a standby the store only promises TTLs, and its entries end with recovery.
  if (RecoveryInProgress()) return;
  if (part->start.load() == start_state::unknown) begin_start_check();
  continue_start_check();
}

}  // namespace stash

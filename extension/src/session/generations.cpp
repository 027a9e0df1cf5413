// See generations.hpp.
//
// Nothing is written down about which generation is the present one: the worker looks at the
// tables' sizes when it starts, and at a sample of the present one's pages now and then. When a
// large table is mostly the space of ended sessions, the other generation takes over.
//
// TRUNCATE is not MVCC: a snapshot from before the last move would find the moved rows in neither
// table. So it waits until no such snapshot is left, and queues for its lock for a moment only.
#include "session/generations.hpp"

#include <optional>

#include "boundary/settings.hpp"
#include "session/ending.hpp"
#include "session/live_touch.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "access/xlogutils.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace stash {
namespace {

// Below this size a table is small enough as it is.
constexpr BlockNumber small_blocks = 1024;
// The other generation takes over when less than a quarter of the space is the living's.
constexpr double sparse = 0.25;
// Pages whose living rows are moved in one transaction.
constexpr BlockNumber pages_at_once = 64;
constexpr const char* longest_queueing = "15ms";

// A session is moved with its touch or not at all: who holds either keeps it where it is.
#define MOVE_SESSIONS(from, to, number)                                                      \
  "WITH chosen AS MATERIALIZED (SELECT s.id FROM stash.session_" from                        \
  " s WHERE s.ctid >= $1 AND s.ctid < $2 FOR UPDATE SKIP LOCKED),"                           \
  " held AS MATERIALIZED (SELECT t.id FROM stash.session_touch_" from                        \
  " t, chosen c WHERE t.id = c.id FOR UPDATE OF t SKIP LOCKED),"                             \
  " ready AS MATERIALIZED (SELECT c.id FROM chosen c WHERE EXISTS (SELECT FROM held h"       \
  " WHERE h.id = c.id) OR NOT EXISTS (SELECT FROM stash.session_touch_" from                 \
  " t WHERE t.id = c.id)),"                                                                  \
  " moved AS (DELETE FROM stash.session_" from                                               \
  " s USING ready r WHERE s.id = r.id RETURNING s.*),"                                       \
  " touches AS (DELETE FROM stash.session_touch_" from                                       \
  " t USING ready r WHERE t.id = r.id RETURNING t.*),"                                       \
  " kept AS (INSERT INTO stash.session_touch_" to                                            \
  " (generation, id, touched_at, due_at)"                                                    \
  " SELECT " number                                                                          \
  ", id, touched_at, due_at FROM touches)"                                                   \
  " INSERT INTO stash.session_" to                                                           \
  " (generation, id, user_id, agent_id, data, schema_version, version, token_hash,"          \
  " previous_token_hash, previous_valid_until, created_at, updated_at, seen_at, expires_at," \
  " absolute_expires_at, idle_ttl, ip, user_agent) SELECT " number                           \
  ", id, user_id, agent_id, data, schema_version, version, token_hash, previous_token_hash," \
  " previous_valid_until, created_at, updated_at, seen_at, expires_at, absolute_expires_at," \
  " idle_ttl, ip, user_agent FROM moved"

// From generation 0 and from generation 1.
statement move_sessions[2] = {{MOVE_SESSIONS("0", "1", "1"), 2, {TIDOID, TIDOID}},
                              {MOVE_SESSIONS("1", "0", "0"), 2, {TIDOID, TIDOID}}};
#undef MOVE_SESSIONS

// Touches that no session of their generation has: a restore brought them before their session, or
// after it was moved. Those of sessions that are gone move along; the look for orphans drops them.
#define MOVE_TOUCHES(from, to)                                                            \
  "WITH chosen AS MATERIALIZED (SELECT t.id FROM stash.session_touch_" from               \
  " t WHERE t.ctid >= $1 AND t.ctid < $2 AND NOT EXISTS (SELECT FROM stash.session_" from \
  " s WHERE s.id = t.id) FOR UPDATE SKIP LOCKED),"                                        \
  " touches AS (DELETE FROM stash.session_touch_" from                                    \
  " t USING chosen c WHERE t.id = c.id RETURNING t.*)"                                    \
  " INSERT INTO stash.session_touch_" to                                                  \
  " AS kept (generation, id, touched_at, due_at) SELECT " to                              \
  ", id, touched_at, due_at FROM touches ON CONFLICT (id) DO UPDATE"                      \
  " SET touched_at = greatest(kept.touched_at, excluded.touched_at)"
statement move_touches[2] = {{MOVE_TOUCHES("0", "1"), 2, {TIDOID, TIDOID}},
                             {MOVE_TOUCHES("1", "0"), 2, {TIDOID, TIDOID}}};
#undef MOVE_TOUCHES

// Large data lies elsewhere and goes with its row: in the table itself a row has some 2 kB at most.
#define SAMPLE(leaf)                                                           \
  "SELECT coalesce(sum(300 + least(pg_column_size(s.data), 2000)), 0)::float8" \
  " FROM stash.session_" leaf " s TABLESAMPLE SYSTEM ($1)"
statement sample_of[2] = {{SAMPLE("0"), 1, {FLOAT8OID}}, {SAMPLE("1"), 1, {FLOAT8OID}}};
#undef SAMPLE

// By an index: who looks again finds the entries of the dead marked, and does not visit them.
statement any_session[2] = {
    {"SELECT 1 FROM stash.session_0 WHERE expires_at >= '-infinity' ORDER BY expires_at LIMIT 1",
     0,
     {}},
    {"SELECT 1 FROM stash.session_1 WHERE expires_at >= '-infinity' ORDER BY expires_at LIMIT 1",
     0,
     {}},
};
statement any_touch[2] = {
    {"SELECT 1 FROM stash.session_touch_0 ORDER BY id LIMIT 1", 0, {}},
    {"SELECT 1 FROM stash.session_touch_1 ORDER BY id LIMIT 1", 0, {}},
};
statement truncate_generation[2] = {
    {"TRUNCATE stash.session_0, stash.session_touch_0", 0, {}},
    {"TRUNCATE stash.session_1, stash.session_touch_1", 0, {}},
};

// This worker's view; a new worker begins anew.
struct {
  bool begun;
  int present;
  // Snapshots of transactions before this one may still need the other generation; 0: not emptied.
  FullTransactionId emptied_at;
  bool touches;            // the sessions have been moved, touches are left
  BlockNumber next_block;  // pages before it have been moved
  TimestampTz sampled_at;
} tables{};

void begin_moving() {
  tables.emptied_at = InvalidFullTransactionId;
  tables.touches = false;
  tables.next_block = 0;
}

Oid leaf_oid(const char* prefix, int number) {
  return get_relname_relid(psprintf("%s_%d", prefix, number), get_namespace_oid("stash", false));
}

BlockNumber blocks_of(const char* prefix, int generation) {
  const Oid leaf = leaf_oid(prefix, generation);
  Relation relation = try_relation_open(leaf, AccessShareLock);
  if (relation == nullptr) return 0;
  const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
  relation_close(relation, AccessShareLock);
  return blocks;
}

// The part of the table's space that living rows take, by a sample of at most some 200 pages.
double density(int generation, BlockNumber blocks) {
  const double percent = Min(100.0, 100.0 * 200 / Max(blocks, BlockNumber{1}));
  const as_owner owner;
  (void)run(sample_of[generation], {{Float8GetDatum(percent)}}, true);
  bool null = false;
  const double bytes = DatumGetFloat8(result(0, 1, &null));
  owner.finish();
  return bytes / (percent / 100 * blocks * BLCKSZ);
}

// Called in a transaction.
void choose_present() {
  constexpr std::int64_t between_samples = 30 * microseconds_per_second;
  if (!tables.begun) {
    tables.present = blocks_of("session", 1) > blocks_of("session", 0) ? 1 : 0;
    tables.begun = true;
  }
  const TimestampTz now = GetCurrentTimestamp();
  const int other = 1 - tables.present;
  const BlockNumber blocks = blocks_of("session", tables.present);
  if (blocks >= small_blocks && blocks_of("session", other) == 0 &&
      now - tables.sampled_at > between_samples) {
    tables.sampled_at = now;
    if (density(tables.present, blocks) < sparse) {
      tables.present = other;
      begin_moving();
    }
  }
  if (touch_array* touches = live_touches())
    touches->set_generation(MyDatabaseId, static_cast<std::uint32_t>(tables.present));
}

Datum tid_datum(BlockNumber block) {
  auto* tid = static_cast<ItemPointerData*>(palloc(sizeof(ItemPointerData)));
  ItemPointerSet(tid, block, 0);
  return PointerGetDatum(tid);
}

// Moves what lives in the next pages, sessions first; false behind the last one.
bool move_pages(int from) {
  begin_upkeep();
  const BlockNumber end = blocks_of(tables.touches ? "session_touch" : "session", from);
  const BlockNumber first = tables.next_block;
  if (first < end) {
    const as_owner owner;
    (void)run_as(origin::worker, (tables.touches ? move_touches : move_sessions)[from],
                 {{tid_datum(first)}, {tid_datum(Min(end, first + pages_at_once))}});
    owner.finish();
    tables.next_block = first + pages_at_once;
  }
  CommitTransactionCommand();
  if (first < end) return true;
  if (tables.touches) return false;
  tables.touches = true;
  tables.next_block = 0;
  return true;
}

// Takes the lock that TRUNCATE needs: at once, or by queueing for a moment. Whoever comes meanwhile
// waits behind us, so the moment is short; under steady load the lock is never free without it.
bool lock_soon(Oid leaf) {
  if (ConditionalLockRelationOid(leaf, AccessExclusiveLock)) return true;
  const MemoryContext memory = CurrentMemoryContext;
  const ResourceOwner resources = CurrentResourceOwner;
  volatile bool locked = false;
  BeginInternalSubTransaction(nullptr);
  PG_TRY();
  {
    (void)set_config_option("lock_timeout", longest_queueing, PGC_SUSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
    LockRelationOid(leaf, AccessExclusiveLock);
    ReleaseCurrentSubTransaction();
    locked = true;
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(memory);
    if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE) PG_RE_THROW();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
  }
  PG_END_TRY();
  MemoryContextSwitchTo(memory);
  CurrentResourceOwner = resources;
  return locked;
}

// No snapshot that can read the table is left from before that transaction, so nobody can miss what
// was moved by then.
bool seen_by_all(FullTransactionId moment, int generation) {
  Relation leaf = try_relation_open(leaf_oid("session", generation), AccessShareLock);
  if (leaf == nullptr) return false;
  const TransactionId oldest = GetOldestNonRemovableTransactionId(leaf);
  relation_close(leaf, AccessShareLock);
  return TransactionIdFollowsOrEquals(oldest, XidFromFullTransactionId(moment));
}

bool is_empty(int generation) {
  const as_owner owner;
  const bool empty = run(any_session[generation], {}) == 0 && run(any_touch[generation], {}) == 0;
  owner.finish();
  return empty;
}

void truncate_if_empty(int generation) {
  StartTransactionCommand();
  PushActiveSnapshot(GetTransactionSnapshot());
  // The first look, at all that was left by a million dead, is taken while others go on; the one
  // under the lock is quick.
  if (!is_empty(generation)) {
    begin_moving();
  } else if (lock_soon(leaf_oid("session_touch", generation)) &&
             lock_soon(leaf_oid("session", generation))) {
    // Somebody may have put a session there since, by an old hint: then it is moved first.
    if (!is_empty(generation)) {
      begin_moving();
    } else {
      const as_owner owner;
      (void)run_as(origin::worker, truncate_generation[generation], {});
      owner.finish();
    }
  }
  PopActiveSnapshot();
  CommitTransactionCommand();
}

// When the last session of a slot of the history ended; nothing for an empty slot.
std::optional<timestamp> last_of_slot(int slot) {
  char text[128];
  snprintf(text, sizeof text, "SELECT max(ended_at) FROM stash.session_history_%d", slot);
  statement query{text, 0, {}};
  (void)run(query, {});
  SPI_freeplan(query.plan);
  bool null = false;
  const Datum last = result(0, 1, &null);
  return null ? std::nullopt : std::optional(DatumGetTimestampTz(last));
}

void truncate_slot(int slot) {
  char text[128];
  snprintf(text, sizeof text, "TRUNCATE stash.session_history_%d", slot);
  statement query{text, 0, {}};
  (void)run_as(origin::worker, query, {});
  SPI_freeplan(query.plan);
}

// Inside as_owner. The second look is under the lock.
void drop_slot_if_old(int slot, timestamp kept_from) {
  if (last_of_slot(slot).value_or(kept_from - 1) >= kept_from) return;
  if (!lock_soon(leaf_oid("session_history", slot))) return;
  if (last_of_slot(slot).value_or(kept_from - 1) < kept_from) truncate_slot(slot);
}

}  // namespace

bool tend_generations(worker::task_context& context) {
  StartTransactionCommand();
  choose_present();
  const int other = 1 - tables.present;
  const bool occupied = blocks_of("session", other) > 0 || blocks_of("session_touch", other) > 0;
  CommitTransactionCommand();
  if (!occupied) return false;
  while (!FullTransactionIdIsValid(tables.emptied_at)) {
    CHECK_FOR_INTERRUPTS();
    if (!move_pages(other)) {
      // Everything that was there and not locked has been moved by transactions before this one.
      tables.emptied_at = ReadNextFullTransactionId();
      break;
    }
    if (context.out_of_time()) return true;
  }
  StartTransactionCommand();
  const bool seen = seen_by_all(tables.emptied_at, other);
  CommitTransactionCommand();
  if (seen) truncate_if_empty(other);
  return false;
}

void drop_old_history() {
  constexpr int slots = 8;
  const timestamp kept_from =
      GetCurrentTimestamp() - static_cast<timestamp>(settings::session_history_retention_s * 1e6);
  for (int slot = 0; slot < slots; slot++) {
    CHECK_FOR_INTERRUPTS();
    StartTransactionCommand();
    if (blocks_of("session_history", slot) > 0) {
      const as_owner owner;
      drop_slot_if_old(slot, kept_from);
      owner.finish();
    }
    CommitTransactionCommand();
  }
}

}  // namespace stash

// See live_touch.hpp. Owns the touches' part of the shared segment.
#include "session/live_touch.hpp"

#include <vector>

#include "boundary/settings.hpp"
#include "boundary/shared_memory.hpp"
#include "session/hot.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

touch_array* array = nullptr;

void acquire(void* lock, lock_mode mode) {
  LWLockAcquire(static_cast<LWLock*>(lock), mode == lock_mode::shared ? LW_SHARED : LW_EXCLUSIVE);
}
void release(void* lock) { LWLockRelease(static_cast<LWLock*>(lock)); }

std::size_t slots() { return static_cast<std::size_t>(settings::session_touch_slots); }
std::size_t array_size() { return touch_array::bytes_for(slots()); }

touch_array* open_array(void* memory) {
  std::vector<void*> locks(touch_lock_count);
  for (int i = 0; i < touch_lock_count; i++)
    locks[static_cast<std::size_t>(i)] = lock_at(lock_tranche::touch, i);
  return new touch_array(memory, slots(), {acquire, release}, locks, GetCurrentTimestamp);
}

void initialize_array(void* memory) {
  touch_array* fresh = open_array(memory);
  fresh->initialize(GetCurrentTimestamp());
  delete fresh;
}

void attach_array(void* memory) {
  // After a crash restart the postmaster comes here again.
  delete array;
  array = open_array(memory);
}

timestamp flush_interval() { return std::int64_t{settings::session_flush_interval_ms} * 1000; }

// How long a touch may stay in memory only. A crash may cost an idle clock one flush interval; a
// session with a shorter patience than that must not end by it.
timestamp patience_for(const session_facts& facts, timestamp now) {
  const timestamp flushed = array->flushed_at(MyDatabaseId);
  const bool somebody_flushes = now - flushed < 3 * flush_interval();
  const timestamp usual = somebody_flushes ? 3 * flush_interval() : 0;
  if (facts.idle_limit > 4 * flush_interval()) return usual;
  return Min(usual, facts.idle_limit / 4);
}

// UPDATE only, so that nothing comes back; whoever holds the row writes a touch of this moment too.
statement write_touch{
    "WITH mine AS (SELECT t.generation, t.id FROM stash.session_touch t"
    " WHERE t.id OPERATOR(pg_catalog.=) $1 FOR UPDATE SKIP LOCKED)"
    " UPDATE stash.session_touch t SET touched_at = greatest(t.touched_at, $2) FROM mine"
    " WHERE t.id OPERATOR(pg_catalog.=) mine.id"
    " AND t.generation OPERATOR(pg_catalog.=) mine.generation",
    2,
    {UUIDOID, TIMESTAMPTZOID}};
// The first touch of a session that has no row yet, which only a session without an idle limit can
// be. With shared memory the worker does this.
statement add_touch{
    "INSERT INTO stash.session_touch (generation, id, touched_at, due_at)"
    " SELECT s.generation, s.id, $2, 'infinity' FROM stash.session s"
    " WHERE s.id OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (SELECT FROM stash.session_touch t"
    " WHERE t.id OPERATOR(pg_catalog.=) $1) FOR NO KEY UPDATE OF s SKIP LOCKED"
    " ON CONFLICT DO NOTHING",
    2,
    {UUIDOID, TIMESTAMPTZOID}};

void write_through(const session_facts& facts, timestamp now) {
  if (XactReadOnly || IsInParallelMode()) return;
  const as_owner owner;
  const Datum id = uuid_datum(facts.id);
  const bool written = run(write_touch, {{id}, {TimestampTzGetDatum(now)}}) > 0;
  if (!written && array == nullptr) (void)run(add_touch, {{id}, {TimestampTzGetDatum(now)}});
  owner.finish();
}

}  // namespace

void register_touch_array() {
  register_shared_part({"session touches", array_size, initialize_array, attach_array});
}

touch_array* live_touches() { return RecoveryInProgress() ? nullptr : array; }

timestamp freshest_touch(const session_facts& facts) {
  const touch_array* touches = live_touches();
  if (touches == nullptr) return facts.seen_at;
  return Max(facts.seen_at, touches->touched_at(MyDatabaseId, facts.id));
}

bool touch_is_exact(const session_facts& facts) {
  const touch_array* touches = live_touches();
  return touches == nullptr || !touches->may_lack(facts.read_at) ||
         touches->touched_at(MyDatabaseId, facts.id) != 0;
}

void touch_session(const session_facts& facts, timestamp now) {
  if (RecoveryInProgress()) return;
  if (array == nullptr) {
    write_through(facts, now);
    return;
  }
  const auto outcome = array->touch(MyDatabaseId, facts.id, now, patience_for(facts, now));
  // The worker cannot see what this transaction has created, and would take it for ended.
  const bool may_be_ours = facts.created_at >= GetCurrentTransactionStartTimestamp();
  if (outcome != touch_array::outcome::recorded || may_be_ours) write_through(facts, now);
}

}  // namespace stash

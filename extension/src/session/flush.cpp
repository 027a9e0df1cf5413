// See flush.hpp. A touch stays dirty in memory until the transaction that wrote it has committed,
// so there is no moment at which neither memory nor the table knows it. Rows that somebody has
// locked are left for the next round.
#include "session/flush.hpp"

#include "boundary/pause_point.hpp"
#include "session/live_touch.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Arguments: ids, moments. Rows that know the moment already count as written.
statement write_touches{
    "WITH mine AS (SELECT t.generation, t.id, g.touched_at FROM stash.session_touch t,"
    " unnest($1, $2) AS g (id, touched_at) WHERE t.id = g.id FOR UPDATE OF t SKIP LOCKED)"
    " UPDATE stash.session_touch t SET touched_at = greatest(t.touched_at, m.touched_at)"
    " FROM mine m WHERE t.id = m.id AND t.generation = m.generation RETURNING t.id",
    2,
    {UUIDARRAYOID, TIMESTAMPTZARRAYOID}};
// For sessions that have no row yet. The session's row is held, so it cannot end meanwhile and
// leave its touch behind, and nobody else adds the same.
statement add_touches{
    "INSERT INTO stash.session_touch (generation, id, touched_at, due_at)"
    " SELECT s.generation, s.id, g.touched_at, 'infinity'"
    " FROM stash.session s, unnest($1, $2) AS g (id, touched_at) WHERE s.id = g.id"
    " AND NOT EXISTS (SELECT FROM stash.session_touch t WHERE t.id = g.id)"
    " FOR NO KEY UPDATE OF s SKIP LOCKED ON CONFLICT DO NOTHING RETURNING id",
    2,
    {UUIDARRAYOID, TIMESTAMPTZARRAYOID}};
// What is in neither table has ended: nothing is left to write.
statement still_there{"SELECT s.id FROM stash.session s WHERE s.id = ANY ($1)", 1, {UUIDARRAYOID}};

constexpr std::size_t batch_size = 1024;

struct batch {
  flushed_touch touches[batch_size];
  bool done[batch_size];
  std::size_t count;
};

argument ids_of(const batch& what, bool open_only) {
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * batch_size));
  int count = 0;
  for (std::size_t i = 0; i < what.count; i++)
    if (!open_only || !what.done[i]) items[count++] = uuid_datum(what.touches[i].id);
  return {PointerGetDatum(construct_array(items, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR))};
}

argument moments_of(const batch& what, bool open_only) {
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * batch_size));
  int count = 0;
  for (std::size_t i = 0; i < what.count; i++)
    if (!open_only || !what.done[i])
      items[count++] = TimestampTzGetDatum(what.touches[i].touched_at);
  return {PointerGetDatum(construct_array(items, count, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE))};
}

// Collected set by set, so ids come in no order: a look-up for each of the last run's rows.
bool mark_done(batch* what, std::uint64_t rows) {
  static std::unordered_map<std::string_view, std::size_t>* places =
      new std::unordered_map<std::string_view, std::size_t>;
  places->clear();
  const auto text = [](const session_id& id) {
    return std::string_view(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  };
  for (std::size_t i = 0; i < what->count; i++)
    if (!what->done[i]) places->emplace(text(what->touches[i].id), i);
  for (std::uint64_t row = 0; row < rows; row++) {
    bool null = false;
    const session_id id = session_id_of(result(row, 1, &null));
    if (const auto found = places->find(text(id)); found != places->end())
      what->done[found->second] = true;
  }
  for (std::size_t i = 0; i < what->count; i++)
    if (!what->done[i]) return false;
  return true;
}

void write_batch(batch* what) {
  begin_upkeep();
  const as_owner owner;
  const auto open_ids = [&] { return ids_of(*what, true); };
  bool all = mark_done(what, run(write_touches, {open_ids(), moments_of(*what, true)}));
  if (!all) all = mark_done(what, run(add_touches, {open_ids(), moments_of(*what, true)}));
  if (!all) {
    // What is left is locked by somebody, or has ended.
    static batch gone;
    gone = *what;
    if (!mark_done(&gone, run(still_there, {open_ids()}, true)))
      for (std::size_t i = 0; i < what->count; i++) what->done[i] = what->done[i] || !gone.done[i];
  }
  owner.finish();
  CommitTransactionCommand();
}

// The next batch from a set of the array on; advances it, to 0 behind the last one.
void flush_batch(touch_array* touches, std::size_t* set) {
  static batch present;
  present.count = touches->collect(MyDatabaseId, set, present.touches);
  std::fill_n(present.done, present.count, false);
  if (present.count > 0) {
    write_batch(&present);
    pause_here(pause_point::touch_flushed);
  }
  for (std::size_t i = 0; i < present.count; i++)
    if (present.done[i]) touches->settle(MyDatabaseId, present.touches[i]);
}

}  // namespace

bool flush_touches(worker::task_context& context) {
  static std::size_t set = 0;
  touch_array* touches = live_touches();
  if (touches == nullptr) return false;
  do {
    CHECK_FOR_INTERRUPTS();
    flush_batch(touches, &set);
    if (set == 0) {
      touches->mark_flushed(MyDatabaseId, GetCurrentTimestamp());
      return false;
    }
  } while (!context.out_of_time());
  return true;
}

void flush_last_touches() {
  touch_array* touches = live_touches();
  if (touches == nullptr) return;
  std::size_t set = 0;
  do {
    flush_batch(touches, &set);
  } while (set != 0);
}

}  // namespace stash

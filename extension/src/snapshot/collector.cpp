// See collector.hpp.
#include "snapshot/collector.hpp"

#include "boundary/context_object.hpp"
#include "boundary/pause_point.hpp"
#include "snapshot/locks.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

// A dump restores the sequence after the tables: until then lines wait for their versions, and
// parts for what has them, so a pool that the sequence has not given out yet is left alone.
statement next_pool{
    "SELECT d.pool FROM stash.memory_discard d, stash.memory_pool_id s"
    " WHERE d.pool OPERATOR(pg_catalog.>) $1 AND s.is_called"
    " AND d.pool OPERATOR(pg_catalog.<=) s.last_value ORDER BY d.pool LIMIT 1",
    1,
    {INT8OID}};
// Rows that a transaction which deletes versions has locked stay: they queue the pool anew.
statement take_queued{
    "DELETE FROM stash.memory_discard d WHERE d.ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
    "SELECT q.ctid FROM stash.memory_discard q WHERE q.pool OPERATOR(pg_catalog.=) $1"
    " FOR UPDATE SKIP LOCKED))",
    1,
    {INT8OID}};
statement note_started{
    "INSERT INTO stash.memory_discard (pool, started) VALUES ($1, true)", 1, {INT8OID}};
statement drop_started{
    "DELETE FROM stash.memory_discard d WHERE d.pool OPERATOR(pg_catalog.=) $1 AND d.started",
    1,
    {INT8OID}};
statement lines_of_pool{
    "SELECT l.id, l.last_version FROM stash.memory_line l"
    " WHERE l.pool OPERATOR(pg_catalog.=) $1 AND l.id OPERATOR(pg_catalog.>) $2"
    " ORDER BY l.id LIMIT 1000",
    2,
    {INT8OID, INT8OID}};
statement versions_of_line{
    "SELECT v.version, v.refs, v.content IS NOT NULL FROM stash.memory_version v"
    " WHERE v.line OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.>) $2"
    " ORDER BY v.version LIMIT 200",
    2,
    {INT8OID, INT8OID}};
statement parts_below{
    "SELECT p.id FROM stash.memory_part p WHERE p.pool OPERATOR(pg_catalog.=) $1"
    " AND p.id OPERATOR(pg_catalog.<) $2 ORDER BY p.id DESC LIMIT 2000",
    2,
    {INT8OID, INT8OID}};
statement delete_parts{
    "DELETE FROM stash.memory_part p WHERE p.pool OPERATOR(pg_catalog.=) $1"
    " AND p.id OPERATOR(pg_catalog.=) ANY ($2)",
    2,
    {INT8OID, INT8ARRAYOID}};
statement delete_lines{
    "DELETE FROM stash.memory_line l WHERE l.id OPERATOR(pg_catalog.=) ANY (ARRAY("
    "SELECT e.id FROM stash.memory_line e WHERE e.pool OPERATOR(pg_catalog.=) $1"
    " AND NOT EXISTS (SELECT FROM stash.memory_version v WHERE v.line OPERATOR(pg_catalog.=) e.id)"
    " LIMIT 500))",
    1,
    {INT8OID}};
statement delete_pool{
    "DELETE FROM stash.memory_pool p WHERE p.id OPERATOR(pg_catalog.=) $1"
    " AND NOT EXISTS (SELECT FROM stash.memory_line l WHERE l.pool OPERATOR(pg_catalog.=) $1)"
    " AND NOT EXISTS (SELECT FROM stash.memory_part q WHERE q.pool OPERATOR(pg_catalog.=) $1)",
    1,
    {INT8OID}};

// How many parts are deleted in one go: some milliseconds, for which creators wait.
constexpr std::size_t batch = 500;
constexpr std::uint64_t lines_at_once = 1000;
constexpr std::uint64_t versions_at_once = 200;

bool own_pool(std::int64_t pool, own how) {
  if (try_own_pool(pool)) return true;
  return how == own::after_a_while && own_pool_soon(pool);
}

}  // namespace

void collection::forget() {
  phase_ = phase::idle;
  living_.clear();
  std::unordered_map<std::int64_t, std::int64_t>().swap(marks_);
  dead_.clear();
}

bool collection::begin(std::int64_t after) {
  forget();
  if (run(next_pool, {{Int64GetDatum(after)}}) == 0) return false;
  bool null = false;
  pool_ = DatumGetInt64(result(0, 1, &null));
  (void)run(take_queued, {{Int64GetDatum(pool_)}});
  (void)run(note_started, {{Int64GetDatum(pool_)}});
  phase_ = phase::mark;
  next_line_ = 0;
  deleted_ = 0;
  most_parts_ = INT64_MAX;
  swept_ = INT64_MAX;
  return true;
}

bool collection::step(own how, bool* busy) {
  switch (phase_) {
    case phase::idle:
      return false;
    case phase::mark:
      if (!mark_some()) phase_ = phase::sweep;
      return true;
    case phase::sweep:
      if (dead_.empty() && (deleted_ >= most_parts_ || !find_dead())) {
        phase_ = phase::finish;
        return true;
      }
      return dead_.empty() || delete_dead(how, busy);
    case phase::finish:
      return finish(how, busy);
  }
  return false;
}

// The next versions of a line; false when its latest one is marked.
bool collection::mark_line(std::int64_t line) {
  std::int64_t& mark = marks_[line];
  const std::uint64_t rows = run(versions_of_line, {{Int64GetDatum(line)}, {Int64GetDatum(mark)}});
  if (rows == 0) return false;
  auto* roots = make_in_context<std::vector<part_id>>();
  bool null = false;
  collect_roots(rows, 2, 3, roots);
  const std::int64_t last = DatumGetInt64(result(rows - 1, 1, &null));
  SPI_freetuptable(SPI_tuptable);
  reach_parts(pool_, *roots, look::latest, &living_);
  mark = last;
  return rows == versions_at_once;
}

// A step of marking: one line at a time, since one may have a million versions.
bool collection::mark_some() {
  const std::uint64_t rows =
      run(lines_of_pool, {{Int64GetDatum(pool_)}, {Int64GetDatum(next_line_)}});
  SPITupleTable* lines = SPI_tuptable;
  for (std::uint64_t row = 0; row < rows; row++) {
    SPI_tuptable = lines;
    bool null = false;
    const std::int64_t line = DatumGetInt64(result(row, 1, &null));
    if (mark_line(line)) return true;
    next_line_ = line;
    if (row % 50 == 49) return true;
  }
  return rows == lines_at_once;
}

// What was added since; with the pool owned that is all there is.
void collection::mark_rest() {
  std::int64_t after = 0;
  for (std::uint64_t rows = lines_at_once; rows == lines_at_once;) {
    rows = run(lines_of_pool, {{Int64GetDatum(pool_)}, {Int64GetDatum(after)}});
    SPITupleTable* lines = SPI_tuptable;
    for (std::uint64_t row = 0; row < rows; row++) {
      CHECK_FOR_INTERRUPTS();
      bool null = false;
      SPI_tuptable = lines;
      after = DatumGetInt64(result(row, 1, &null));
      const std::int64_t last = DatumGetInt64(result(row, 2, &null));
      while (marks_[after] < last && mark_line(after)) {
      }
      // The latest may have been deleted; there is nothing up to it that we have not seen.
      std::int64_t& mark = marks_[after];
      mark = Max(mark, last);
    }
    SPI_freetuptable(lines);
  }
}

// Looks on until there is a batch; false when nothing is left.
bool collection::find_dead() {
  constexpr int looks_a_step = 10;
  const auto most = std::min<std::int64_t>(batch, most_parts_ - deleted_);
  const auto wanted = [&] { return static_cast<std::int64_t>(dead_.size()) < most; };
  std::uint64_t rows = 1;
  for (int look = 0; look < looks_a_step && rows > 0 && wanted(); look++) {
    rows = run(parts_below, {{Int64GetDatum(pool_)}, {Int64GetDatum(swept_)}});
    for (std::uint64_t row = 0; row < rows && wanted(); row++) {
      bool null = false;
      swept_ = DatumGetInt64(result(row, 1, &null));
      if (!living_.has(swept_)) dead_.push_back(swept_);
    }
    SPI_freetuptable(SPI_tuptable);
  }
  return rows > 0 || !dead_.empty();
}

bool collection::delete_dead(own how, bool* busy) {
  pause_here(pause_point::before_sweep);
  // Most of it without keeping anybody waiting.
  mark_rest();
  if (!own_pool(pool_, how)) {
    *busy = true;
    return true;
  }
  mark_rest();
  auto* ids = make_in_context<std::vector<Datum>>();
  for (const part_id each : dead_)
    if (!living_.has(each)) ids->push_back(Int64GetDatum(each));
  dead_.clear();
  if (ids->empty()) return true;
  const Datum array = PointerGetDatum(construct_array(
      ids->data(), static_cast<int>(ids->size()), INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
  deleted_ += static_cast<std::int64_t>(run(delete_parts, {{Int64GetDatum(pool_)}, {array}}));
  return true;
}

bool collection::finish(own how, bool* busy) {
  if (!own_pool(pool_, how)) {
    *busy = true;
    return true;
  }
  if (run(delete_lines, {{Int64GetDatum(pool_)}}) == batch) return true;
  (void)run(delete_pool, {{Int64GetDatum(pool_)}});
  if (deleted_ < most_parts_) (void)run(drop_started, {{Int64GetDatum(pool_)}});
  forget();
  return false;
}

}  // namespace stash::memory

// See collector.hpp.
#include "snapshot/collector.hpp"

#include <algorithm>

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
// Hashes are spread evenly, so a share of them is a share of the parts, dead rows included.
statement parts_by_hash{
    "SELECT p.id FROM stash.memory_part p WHERE p.pool OPERATOR(pg_catalog.=) $1"
    " AND p.hash OPERATOR(pg_catalog.>=) $2 AND p.hash OPERATOR(pg_catalog.<=) $3",
    3,
    {INT8OID, UUIDOID, UUIDOID}};
// Brings the rows into memory, too, before anybody has to wait for them.
statement sizes_of_parts{
    "SELECT p.id, coalesce(pg_catalog.pg_column_size(p.content), 0)"
    " FROM stash.memory_part p WHERE p.pool OPERATOR(pg_catalog.=) $1"
    " AND p.id OPERATOR(pg_catalog.=) ANY ($2) ORDER BY p.id DESC",
    2,
    {INT8OID, INT8ARRAYOID}};
statement delete_parts{
    "DELETE FROM stash.memory_part p WHERE p.pool OPERATOR(pg_catalog.=) $1"
    " AND p.id OPERATOR(pg_catalog.=) ANY ($2)",
    2,
    {INT8OID, INT8ARRAYOID}};
// The latest first: of a line that has versions it finds one at once, however many are deleted.
statement lines_with_latest{
    "SELECT l.id, (SELECT v.version FROM stash.memory_version v"
    " WHERE v.line OPERATOR(pg_catalog.=) l.id ORDER BY v.version DESC LIMIT 1) IS NULL"
    " FROM (SELECT m.id FROM stash.memory_line m WHERE m.pool OPERATOR(pg_catalog.=) $1"
    " AND m.id OPERATOR(pg_catalog.>) $2 ORDER BY m.id LIMIT $3) l ORDER BY l.id",
    3,
    {INT8OID, INT8OID, INT8OID}};
statement delete_lines{
    "DELETE FROM stash.memory_line l WHERE l.pool OPERATOR(pg_catalog.=) $1"
    " AND l.id OPERATOR(pg_catalog.=) ANY ($2)",
    2,
    {INT8OID, INT8ARRAYOID}};
statement anything_left{
    "SELECT EXISTS (SELECT FROM stash.memory_line l WHERE l.pool OPERATOR(pg_catalog.=) $1)"
    " OR EXISTS (SELECT FROM stash.memory_part q WHERE q.pool OPERATOR(pg_catalog.=) $1)",
    1,
    {INT8OID}};
statement delete_pool{
    "DELETE FROM stash.memory_pool p WHERE p.id OPERATOR(pg_catalog.=) $1"
    " AND NOT EXISTS (SELECT FROM stash.memory_line l WHERE l.pool OPERATOR(pg_catalog.=) $1)"
    " AND NOT EXISTS (SELECT FROM stash.memory_part q WHERE q.pool OPERATOR(pg_catalog.=) $1)",
    1,
    {INT8OID}};

// Stored bytes that are deleted in one go, unless a single part has more.
constexpr std::int64_t batch_bytes = 2'000'000;

bool own_pool(std::int64_t pool, own how) {
  if (try_own_pool(pool)) return true;
  return how == own::after_a_while && own_pool_soon(pool);
}

// The hash at this share of all hashes.
Datum hash_at(double share) {
  digest hash;
  hash.fill(share < 1 ? 0 : 0xff);
  if (share < 1) {
    const auto front = static_cast<std::uint64_t>(share * 0x1p64);
    for (int i = 0; i < 8; i++) hash[i] = static_cast<std::uint8_t>(front >> (56 - 8 * i));
  }
  return digest_datum(hash);
}

Datum array_of(const std::int64_t* ids, std::size_t count) {
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
  for (std::size_t i = 0; i < count; i++) items[i] = Int64GetDatum(ids[i]);
  return PointerGetDatum(construct_array(items, static_cast<int>(count), INT8OID, sizeof(int64),
                                         true, TYPALIGN_DOUBLE));
}

}  // namespace

void collection::forget() {
  phase_ = phase::idle;
  marks_.clear();
  std::vector<part_id>().swap(dead_);
  std::vector<part_id>().swap(batch_);
  std::vector<std::int64_t>().swap(empty_lines_);
}

bool collection::begin(std::int64_t after, own how, bool* busy) {
  forget();
  if (run(next_pool, {{Int64GetDatum(after)}}) == 0) return false;
  bool null = false;
  pool_ = DatumGetInt64(result(0, 1, &null));
  deleted_ = 0;
  most_parts_ = INT64_MAX;
  if (!own_pool(pool_, how)) {
    *busy = true;
    return true;
  }
  (void)run(take_queued, {{Int64GetDatum(pool_)}});
  (void)run(note_started, {{Int64GetDatum(pool_)}});
  marks_.begin(pool_);
  marks_.set_horizon();
  release_pool(pool_);
  phase_ = phase::mark;
  after_mark_ = phase::list;
  listed_ = 0;
  shares_ = first_shares;
  last_line_ = 0;
  return true;
}

bool collection::step(own how, bool* busy) {
  switch (phase_) {
    case phase::idle:
      return false;
    case phase::mark:
      if (!marks_.step()) phase_ = after_mark_;
      return true;
    case phase::list:
      if (!list_some()) phase_ = phase::sweep;
      return true;
    case phase::sweep:
      if (deleted_ >= most_parts_ || (dead_.empty() && batch_.empty()))
        phase_ = phase::lines;
      else
        sweep_some(how, busy);
      return true;
    case phase::lines:
      if (!empty_lines_.empty())
        delete_empty_lines(how, busy);
      else if (!find_empty_lines())
        phase_ = phase::finish;
      return true;
    case phase::finish:
      return finish(how, busy);
  }
  return false;
}

// False when all hashes have been looked through; then the dead are in order.
bool collection::list_some() {
  const std::int64_t begun = GetCurrentTimestamp();
  const double to = Min(listed_ + static_cast<double>(shares_.size()) / all_shares, 1.0);
  const std::uint64_t rows =
      run(parts_by_hash, {{Int64GetDatum(pool_)}, {hash_at(listed_)}, {hash_at(to)}}, true);
  for (std::uint64_t row = 0; row < rows; row++) {
    bool null = false;
    const part_id id = DatumGetInt64(result(row, 1, &null));
    if (!marks_.has(id)) dead_.push_back(id);
  }
  SPI_freetuptable(SPI_tuptable);
  listed_ = to;
  shares_.took(GetCurrentTimestamp() - begun);
  if (listed_ < 1) return true;
  std::sort(dead_.begin(), dead_.end());
  dead_.erase(std::unique(dead_.begin(), dead_.end()), dead_.end());
  return false;
}

// Owns the pool with everything marked that it has; else there is nothing to do but to go on.
bool collection::own_complete(own how, bool* busy) {
  if (!own_pool(pool_, how)) {
    *busy = true;
    return false;
  }
  if (marks_.catch_up()) return true;
  after_mark_ = phase_;
  phase_ = phase::mark;
  return false;
}

// The highest of the dead, as far as they are not too large together.
void collection::take_batch() {
  const auto most = Min(parts_.size(), most_parts_ - deleted_);
  const auto count = Min(static_cast<std::size_t>(most), dead_.size());
  const part_id* first = dead_.data() + (dead_.size() - count);
  const std::uint64_t rows =
      run(sizes_of_parts, {{Int64GetDatum(pool_)}, {array_of(first, count)}}, true);
  std::int64_t bytes = 0;
  part_id down_to = *first;
  for (std::uint64_t row = 0; row < rows; row++) {
    bool null = false;
    const part_id id = DatumGetInt64(result(row, 1, &null));
    bytes += DatumGetInt32(result(row, 2, &null));
    if (bytes > batch_bytes && row > 0) break;
    down_to = row + 1 == rows ? *first : id;
  }
  SPI_freetuptable(SPI_tuptable);
  while (!dead_.empty() && dead_.back() >= down_to) {
    batch_.push_back(dead_.back());
    dead_.pop_back();
  }
}

std::int64_t collection::delete_batch() {
  batch_.erase(
      std::remove_if(batch_.begin(), batch_.end(), [&](part_id each) { return marks_.has(each); }),
      batch_.end());
  const Datum ids = array_of(batch_.data(), batch_.size());
  const bool any = !batch_.empty();
  batch_.clear();
  return any ? static_cast<std::int64_t>(run(delete_parts, {{Int64GetDatum(pool_)}, {ids}})) : 0;
}

void collection::sweep_some(own how, bool* busy) {
  if (batch_.empty()) {
    const std::int64_t begun = GetCurrentTimestamp();
    take_batch();
    taken_in_ = GetCurrentTimestamp() - begun;
  }
  pause_here(pause_point::before_sweep);
  // Most of it without keeping anybody waiting.
  marks_.look_ahead();
  if (!own_complete(how, busy)) return;
  const std::int64_t begun = GetCurrentTimestamp();
  deleted_ += delete_batch();
  // The slower of the two decides: what takes long to find is as much in the way of a short step.
  parts_.took(Max(taken_in_, GetCurrentTimestamp() - begun));
}

// The next lines, without a lock: those that have no version. All versions up to the last moment
// in which the pool was owned are visible. False when there are no more lines.
bool collection::find_empty_lines() {
  const std::int64_t begun = GetCurrentTimestamp();
  const std::uint64_t rows = run(
      lines_with_latest,
      {{Int64GetDatum(pool_)}, {Int64GetDatum(last_line_)}, {Int64GetDatum(lines_.size())}}, true);
  for (std::uint64_t row = 0; row < rows; row++) {
    bool null = false;
    last_line_ = DatumGetInt64(result(row, 1, &null));
    if (DatumGetBool(result(row, 2, &null))) empty_lines_.push_back(last_line_);
  }
  SPI_freetuptable(SPI_tuptable);
  lines_.took(GetCurrentTimestamp() - begun);
  return rows > 0;
}

void collection::delete_empty_lines(own how, bool* busy) {
  if (!own_complete(how, busy)) {
    // A line may have got versions that marking will pass by.
    last_line_ = empty_lines_.front() - 1;
    empty_lines_.clear();
    return;
  }
  const std::vector<std::int64_t>& late = marks_.late_lines();
  empty_lines_.erase(std::remove_if(empty_lines_.begin(), empty_lines_.end(),
                                    [&](std::int64_t line) {
                                      return std::find(late.begin(), late.end(), line) !=
                                             late.end();
                                    }),
                     empty_lines_.end());
  const Datum lines = array_of(empty_lines_.data(), empty_lines_.size());
  empty_lines_.clear();
  (void)run(delete_lines, {{Int64GetDatum(pool_)}, {lines}});
}

bool collection::finish(own how, bool* busy) {
  bool null = false;
  (void)run(anything_left, {{Int64GetDatum(pool_)}}, true);
  if (!DatumGetBool(result(0, 1, &null))) {
    if (!own_pool(pool_, how)) {
      *busy = true;
      return true;
    }
    (void)run(delete_pool, {{Int64GetDatum(pool_)}});
  }
  if (deleted_ < most_parts_) (void)run(drop_started, {{Int64GetDatum(pool_)}});
  forget();
  return false;
}

}  // namespace stash::memory

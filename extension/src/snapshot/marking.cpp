// See marking.hpp.
#include "snapshot/marking.hpp"

#include "boundary/context_object.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement highest_added{
    "SELECT v.added FROM stash.memory_version v WHERE v.pool OPERATOR(pg_catalog.=) $1"
    " ORDER BY v.added DESC LIMIT 1",
    1,
    {INT8OID}};
// Bounded on both sides: at the beginning of the index may stand a million deleted ones.
statement versions_between{
    "SELECT v.added, v.line, v.refs, v.content IS NOT NULL FROM stash.memory_version v"
    " WHERE v.pool OPERATOR(pg_catalog.=) $1 AND v.added OPERATOR(pg_catalog.>) $2"
    " AND v.added OPERATOR(pg_catalog.<=) $3 ORDER BY v.added LIMIT $4",
    4,
    {INT8OID, INT8OID, INT8OID, INT8OID}};

// What is marked while the pool is owned: some milliseconds.
constexpr std::int64_t late_versions = 200;
constexpr std::int64_t late_parts = 500;

std::int64_t now() { return GetCurrentTimestamp(); }

}  // namespace

void marking::clear() {
  reached_.clear();
  std::vector<part_id>().swap(frontier_);
  std::vector<std::int64_t>().swap(late_lines_);
}

void marking::begin(std::int64_t pool) {
  clear();
  pool_ = pool;
  read_to_ = 0;
  horizon_ = 0;
  numbers_ = first_numbers;
}

void marking::set_horizon() {
  bool null = false;
  if (run(highest_added, {{Int64GetDatum(pool_)}}, true) == 1)
    horizon_ = Max(horizon_, DatumGetInt64(result(0, 1, &null)));
}

// Marks what the next versions have in their rows, and keeps their lines; how many there were.
std::uint64_t marking::read_versions(std::int64_t most_added, std::int64_t most_rows,
                                     std::int64_t* last) {
  const std::uint64_t rows = run(versions_between,
                                 {{Int64GetDatum(pool_)},
                                  {Int64GetDatum(read_to_)},
                                  {Int64GetDatum(most_added)},
                                  {Int64GetDatum(most_rows)}},
                                 true);
  auto* roots = make_in_context<std::vector<part_id>>();
  collect_roots(rows, 3, 4, roots);
  late_lines_.clear();
  bool null = false;
  for (std::uint64_t row = 0; row < rows; row++)
    late_lines_.push_back(DatumGetInt64(result(row, 2, &null)));
  if (rows > 0) *last = DatumGetInt64(result(rows - 1, 1, &null));
  SPI_freetuptable(SPI_tuptable);
  for (const part_id each : *roots)
    if (reached_.insert(each)) frontier_.push_back(each);
  return rows;
}

// Looks below so many parts; true when none is left.
bool marking::look_below(std::int64_t most_parts) {
  auto* ids = make_in_context<std::vector<Datum>>();
  auto* below = make_in_context<std::vector<part_id>>();
  while (!frontier_.empty() && most_parts > 0) {
    CHECK_FOR_INTERRUPTS();
    const auto count = Min(static_cast<std::size_t>(most_parts), frontier_.size());
    ids->clear();
    below->clear();
    for (std::size_t i = frontier_.size() - count; i < frontier_.size(); i++)
      ids->push_back(Int64GetDatum(frontier_[i]));
    // Should reading fail, the collection begins anew, so the frontier need not be right then.
    frontier_.resize(frontier_.size() - count);
    read_below(pool_, *ids, look::latest, below);
    for (const part_id each : *below)
      if (reached_.insert(each)) frontier_.push_back(each);
    most_parts -= static_cast<std::int64_t>(count);
  }
  return frontier_.empty();
}

bool marking::step() {
  const std::int64_t begun = now();
  if (!frontier_.empty()) {
    (void)look_below(parts_.size());
    parts_.took(now() - begun);
    return true;
  }
  if (read_to_ >= horizon_) return false;
  const std::int64_t to =
      horizon_ - read_to_ > numbers_.size() ? read_to_ + numbers_.size() : horizon_;
  std::int64_t last = to;
  const bool full =
      read_versions(to, versions_.size(), &last) == static_cast<std::uint64_t>(versions_.size());
  read_to_ = full ? last : to;
  (full ? versions_ : numbers_).took(now() - begun);
  return true;
}

void marking::look_ahead() {
  std::int64_t last = 0;
  (void)read_versions(INT64_MAX, late_versions, &last);
  (void)look_below(parts_.size());
}

bool marking::catch_up() {
  std::int64_t last = read_to_;
  const bool few =
      read_versions(INT64_MAX, late_versions, &last) < static_cast<std::uint64_t>(late_versions);
  read_to_ = Max(read_to_, last);
  horizon_ = Max(horizon_, read_to_);
  if (few && look_below(late_parts)) return true;
  set_horizon();
  return false;
}

}  // namespace stash::memory

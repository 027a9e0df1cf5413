// See text_walk.hpp.
#include "snapshot/text_walk.hpp"

#include "snapshot/content.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement parts_below{
    "SELECT p.refs, p.content IS NOT NULL FROM stash.memory_part p"
    " WHERE p.pool OPERATOR(pg_catalog.=) $1 AND p.id OPERATOR(pg_catalog.=) ANY ($2)"
    " AND p.refs IS NOT NULL",
    2,
    {INT8OID, INT8ARRAYOID}};

constexpr std::size_t parts_at_once = 1000;

Datum array_of(const part_id* ids, std::size_t count) {
  auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * count));
  for (std::size_t i = 0; i < count; i++) values[i] = Int64GetDatum(ids[i]);
  return PointerGetDatum(construct_array(values, static_cast<int>(count), INT8OID, sizeof(int64),
                                         FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

}  // namespace

// Those of a list that are news go to the next level.
void text_walk::take(const std::vector<part_id>& ids) {
  for (const part_id id : ids) {
    if (without_.contains(id) || !seen_.insert(id).second) continue;
    const auto found = ranks_.find(id);
    if (found != ranks_.end()) best_ = Max(best_, found->second);
    next_.push_back(id);
  }
}

void text_walk::load_level() {
  for (std::size_t at = 0; at < level_.size(); at += parts_at_once) {
    CHECK_FOR_INTERRUPTS();
    const std::size_t count = Min(parts_at_once, level_.size() - at);
    const std::uint64_t rows =
        run(parts_below, {{Int64GetDatum(pool_)}, {array_of(level_.data() + at, count)}});
    for (std::uint64_t row = 0; row < rows; row++) {
      bool null = false;
      const std::string_view refs = bytes_of(result(row, 1, &null));
      const bool leaf = DatumGetBool(result(row, 2, &null));
      run_core([&] { take(read_ids(refs, leaf)); });
    }
    SPI_freetuptable(SPI_tuptable);
  }
}

float text_walk::explore(Datum refs, bool leaf) {
  seen_.clear();
  next_.clear();
  best_ = -1;
  const std::string_view bytes = bytes_of(refs);
  run_core([&] { take(read_ids(bytes, leaf)); });
  while (!next_.empty()) {
    std::swap(level_, next_);
    next_.clear();
    load_level();
  }
  if (best_ < 0) without_.insert(seen_.begin(), seen_.end());
  return best_;
}

}  // namespace stash::memory

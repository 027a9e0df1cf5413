// See reach.hpp.
#include "snapshot/reach.hpp"

#include "boundary/context_object.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement children_of{
    "SELECT p.refs, p.content IS NOT NULL FROM stash.memory_part p"
    " WHERE p.pool OPERATOR(pg_catalog.=) $1 AND p.id OPERATOR(pg_catalog.=) ANY ($2)"
    " AND p.refs IS NOT NULL",
    2,
    {INT8OID, INT8ARRAYOID}};

constexpr std::size_t parts_a_statement = 1000;

void add_ids(Datum refs, bool leaf, std::vector<part_id>* ids) {
  const std::string_view bytes = bytes_of(refs);
  run_core([&] {
    for (const part_id each : read_ids(bytes, leaf)) ids->push_back(each);
  });
}

}  // namespace

void collect_root(std::uint64_t row, int refs, int is_leaf, std::vector<part_id>* roots) {
  bool null = false;
  const bool leaf = DatumGetBool(result(row, is_leaf, &null));
  const Datum list = result(row, refs, &null);
  if (!null) add_ids(list, leaf, roots);
}

void collect_roots(std::uint64_t rows, int refs, int is_leaf, std::vector<part_id>* roots) {
  for (std::uint64_t row = 0; row < rows; row++) collect_root(row, refs, is_leaf, roots);
}

void read_below(std::int64_t pool, const std::vector<Datum>& parts, look how,
                std::vector<part_id>* below) {
  for (std::size_t at = 0; at < parts.size(); at += parts_a_statement) {
    const std::size_t count = std::min(parts_a_statement, parts.size() - at);
    auto* items = const_cast<Datum*>(parts.data() + at);
    const Datum ids = PointerGetDatum(construct_array(items, static_cast<int>(count), INT8OID,
                                                      sizeof(int64), true, TYPALIGN_DOUBLE));
    const std::uint64_t rows = how == look::latest
                                   ? run(children_of, {{Int64GetDatum(pool)}, {ids}}, true)
                                   : run_as_seen(children_of, {{Int64GetDatum(pool)}, {ids}});
    collect_roots(rows, 1, 2, below);
    SPI_freetuptable(SPI_tuptable);
    pfree(DatumGetPointer(ids));
  }
}

void reach_parts(std::int64_t pool, const std::vector<part_id>& roots, look how,
                 part_set* reached) {
  auto* next = make_in_context<std::vector<part_id>>(roots);
  auto* found = make_in_context<std::vector<part_id>>();
  auto* fresh = make_in_context<std::vector<Datum>>();
  while (!next->empty()) {
    CHECK_FOR_INTERRUPTS();
    found->clear();
    fresh->clear();
    for (const part_id each : *next)
      if (reached->insert(each)) fresh->push_back(Int64GetDatum(each));
    read_below(pool, *fresh, how, found);
    std::swap(*next, *found);
  }
}

}  // namespace stash::memory

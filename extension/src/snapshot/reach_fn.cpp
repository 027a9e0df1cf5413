// SQL entry points memory_parts and memory_shared_parts: what hangs below versions.
#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "snapshot/reach.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement roots_of_pool{
    "SELECT v.refs, v.content IS NOT NULL, v.added FROM stash.memory_version v"
    " WHERE v.pool OPERATOR(pg_catalog.=) $1 AND v.added OPERATOR(pg_catalog.>) $2"
    " ORDER BY v.added LIMIT 500",
    2,
    {INT8OID, INT8OID}};

// Which version a part was first met in; `several` once it was met in another. That makes
// everything below it such parts, so each part is read at most twice.
constexpr std::int32_t several = -1;
struct sharing {
  std::unordered_map<part_id, std::int32_t> met_in;
  std::vector<part_id> roots;
  std::vector<part_id> below;
  std::vector<Datum> to_read;
  std::int64_t shared = 0;
};

// Whether what is below the part must be looked at on behalf of this version.
bool meet(sharing* state, part_id id, std::int32_t version) {
  const auto [at, is_new] = state->met_in.try_emplace(id, version);
  if (is_new) return true;
  if (at->second == version || at->second == several) return false;
  at->second = several;
  state->shared++;
  return true;
}

void meet_version(std::int64_t pool, sharing* state, std::int32_t version) {
  while (!state->roots.empty()) {
    CHECK_FOR_INTERRUPTS();
    state->to_read.clear();
    state->below.clear();
    for (const part_id each : state->roots)
      if (meet(state, each, version)) state->to_read.push_back(Int64GetDatum(each));
    if (state->to_read.empty()) return;
    read_below(pool, state->to_read, look::as_caller, &state->below);
    std::swap(state->roots, state->below);
  }
}

std::int64_t shared_parts_of(std::int64_t pool) {
  auto* state = make_in_context<sharing>();
  std::int64_t last = 0;
  std::int32_t version = 0;
  for (std::uint64_t rows = 1; rows > 0;) {
    rows = run_as_seen(roots_of_pool, {{Int64GetDatum(pool)}, {Int64GetDatum(last)}});
    SPITupleTable* table = SPI_tuptable;
    for (std::uint64_t row = 0; row < rows; row++) {
      SPI_tuptable = table;
      bool null = false;
      last = DatumGetInt64(result(row, 3, &null));
      state->roots.clear();
      collect_root(row, 1, 2, &state->roots);
      meet_version(pool, state, version++);
    }
    SPI_freetuptable(table);
  }
  return state->shared;
}

}  // namespace

// memory_parts(pool, content, refs)
STASH_FUNCTION(memory_parts) {
  InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
  if (PG_ARGISNULL(0) || PG_ARGISNULL(2)) PG_RETURN_NULL();
  const bool leaf = !PG_ARGISNULL(1);
  const std::string_view refs = bytes_of(PG_GETARG_DATUM(2));
  auto* roots = make_in_context<std::vector<part_id>>();
  run_core([&] { *roots = read_ids(refs, leaf); });
  auto* rows = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  auto* reached = make_in_context<part_set>();
  const as_owner owner;
  reach_parts(PG_GETARG_INT64(0), *roots, look::as_caller, reached);
  reached->visit([&](part_id id) {
    Datum column = Int64GetDatum(id);
    bool null = false;
    tuplestore_putvalues(rows->setResult, rows->setDesc, &column, &null);
  });
  owner.finish();
  PG_RETURN_NULL();
}

// memory_shared_parts(pools)
STASH_FUNCTION(memory_shared_parts) {
  if (PG_ARGISNULL(0)) PG_RETURN_INT64(0);
  Datum* pools = nullptr;
  bool* nulls = nullptr;
  int count = 0;
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE, &pools,
                    &nulls, &count);
  std::int64_t shared = 0;
  const as_owner owner;
  for (int i = 0; i < count; i++) shared += shared_parts_of(DatumGetInt64(pools[i]));
  owner.finish();
  PG_RETURN_INT64(shared);
}

}  // namespace stash::memory

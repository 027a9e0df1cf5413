// SQL entry point memory_check: looks whether everything that is stored fits together.
//
// Ids of parts are given from the bottom up, so each part is checked after those below it, in one
// pass over a pool; their hashes are kept in memory. All is seen with the caller's snapshot.
#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "snapshot/reach.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement misplaced_rows{
    "SELECT 'a snapshot without its line', v.pool, NULL::bigint, v.id FROM stash.memory_version v"
    " WHERE NOT EXISTS (SELECT FROM stash.memory_line l WHERE l.id = v.line AND l.pool = v.pool)"
    " UNION ALL SELECT 'a snapshot later than the latest of its line', v.pool, NULL, v.id"
    " FROM stash.memory_version v, stash.memory_line l"
    " WHERE l.id = v.line AND v.version > l.last_version"
    " UNION ALL SELECT 'a line without its pool', l.pool, NULL, NULL FROM stash.memory_line l"
    " WHERE NOT EXISTS (SELECT FROM stash.memory_pool p WHERE p.id = l.pool)"
    " UNION ALL SELECT DISTINCT 'a part without its pool', q.pool, q.id, NULL::uuid"
    " FROM stash.memory_part q"
    " WHERE NOT EXISTS (SELECT FROM stash.memory_pool p WHERE p.id = q.pool)"
    " UNION ALL SELECT 'an embedding without its snapshot', e.pool, NULL, e.id"
    " FROM stash.memory_embedding e WHERE NOT EXISTS (SELECT FROM stash.memory_version v"
    " WHERE v.id = e.id AND v.pool = e.pool AND v.line = e.line)",
    0,
    {}};
statement all_pools{
    "SELECT p.id, p.salt, EXISTS (SELECT FROM stash.memory_discard d WHERE d.pool = p.id)"
    " FROM stash.memory_pool p ORDER BY p.id",
    0,
    {}};
statement parts_of_pool{
    "SELECT p.id, p.hash, p.refs, p.content FROM stash.memory_part p"
    " WHERE p.pool = $1 AND p.id > $2 ORDER BY p.id LIMIT 1000",
    2,
    {INT8OID, INT8OID}};
statement versions_of_pool{
    "SELECT v.id, v.digest, v.refs, v.content FROM stash.memory_version v"
    " WHERE v.pool = $1 AND v.id > $2 ORDER BY v.id LIMIT 500",
    2,
    {INT8OID, UUIDOID}};

struct check {
  ReturnSetInfo* rows;
  std::int64_t pool;
  digest salt;
  bool queued;
  bool broken;  // a list cannot be read, so nobody can say what lies below it
  std::unordered_map<part_id, digest> hashes;
  std::vector<part_id> roots;
  part_set reached;
};

void report(const check& state, const char* problem, part_id part, const pg_uuid_t* snapshot) {
  Datum columns[4] = {CStringGetTextDatum(problem), Int64GetDatum(state.pool), Int64GetDatum(part),
                      UUIDPGetDatum(snapshot)};
  bool nulls[4] = {false, false, part == 0, snapshot == nullptr};
  tuplestore_putvalues(state.rows->setResult, state.rows->setDesc, columns, nulls);
}

void report_misplaced(const check& state) {
  const std::uint64_t rows = run_as_seen(misplaced_rows, {});
  for (std::uint64_t row = 0; row < rows; row++) {
    Datum columns[4];
    bool nulls[4];
    for (int i = 0; i < 4; i++) columns[i] = result(row, i + 1, &nulls[i]);
    tuplestore_putvalues(state.rows->setResult, state.rows->setDesc, columns, nulls);
  }
}

// The hashes of a list; an empty list when one is unknown.
std::vector<digest> hashes_of(const check& state, const std::vector<part_id>& ids) {
  std::vector<digest> hashes;
  hashes.reserve(ids.size());
  for (const part_id each : ids) {
    const auto found = state.hashes.find(each);
    if (found == state.hashes.end()) return {};
    hashes.push_back(found->second);
  }
  return hashes;
}

enum class verdict { good, broken_list, missing_part, wrong_hash };

verdict judge_leaf(const check& state, std::string_view content, std::string_view refs,
                   const digest& hash) {
  std::vector<hole_hashes> below;
  for (const hole_view& each : read_holes(refs)) {
    if (each.index >= element_count(content)) return verdict::broken_list;
    below.push_back({each.index, hashes_of(state, each.parts)});
    if (below.back().parts.empty()) return verdict::missing_part;
  }
  return leaf_hash(part_hash, state.salt, content, below) == hash ? verdict::good
                                                                  : verdict::wrong_hash;
}

verdict judge_list(const check& state, std::string_view refs, bool root, const digest& hash) {
  const std::vector<digest> below = hashes_of(state, read_list(refs));
  if (below.empty()) return verdict::missing_part;
  const digest expected =
      root ? root_hash(part_hash, state.salt, below) : node_hash(part_hash, state.salt, below);
  return expected == hash ? verdict::good : verdict::wrong_hash;
}

// A row of a part or a version: hash, refs, content in these columns. Adds what it refers to.
verdict judge_row(check* state, std::uint64_t row, bool root) {
  bool no_refs = false;
  bool no_content = false;
  const digest hash = digest_of(result(row, 2, &no_refs));
  const Datum refs = result(row, 3, &no_refs);
  const Datum content = result(row, 4, &no_content);
  const std::string_view list = no_refs ? std::string_view() : bytes_of(refs);
  const std::string_view container = no_content ? std::string_view() : container_of(content);
  auto* judged = static_cast<verdict*>(palloc(sizeof(verdict)));
  run_core([&] {
    try {
      *judged = no_content ? judge_list(*state, list, root, hash)
                           : judge_leaf(*state, container, list, hash);
      if (root && (no_content || !list.empty()))
        for (const part_id each : read_ids(list, !no_content)) state->roots.push_back(each);
    } catch (const damaged&) {
      *judged = verdict::broken_list;
    }
  });
  state->broken = state->broken || *judged == verdict::broken_list;
  return *judged;
}

const char* problem_of(verdict judged) {
  switch (judged) {
    case verdict::good:
      return nullptr;
    case verdict::broken_list:
      return "its list of parts is damaged";
    case verdict::missing_part:
      return "a part below it is missing";
    case verdict::wrong_hash:
      return "its content does not have its hash";
  }
  return nullptr;
}

void check_parts(check* state) {
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash check", ALLOCSET_DEFAULT_SIZES);
  part_id last = 0;
  for (std::uint64_t rows = 1; rows > 0;) {
    rows = run_as_seen(parts_of_pool, {{Int64GetDatum(state->pool)}, {Int64GetDatum(last)}});
    const MemoryContext before = MemoryContextSwitchTo(scratch);
    for (std::uint64_t row = 0; row < rows; row++) {
      CHECK_FOR_INTERRUPTS();
      bool null = false;
      last = DatumGetInt64(result(row, 1, &null));
      if (const char* problem = problem_of(judge_row(state, row, false)))
        report(*state, problem, last, nullptr);
      state->hashes.emplace(last, digest_of(result(row, 2, &null)));
      MemoryContextReset(scratch);
    }
    MemoryContextSwitchTo(before);
    SPI_freetuptable(SPI_tuptable);
  }
}

void check_versions_of(check* state) {
  auto* last = static_cast<pg_uuid_t*>(palloc0(sizeof(pg_uuid_t)));
  for (std::uint64_t rows = 1; rows > 0;) {
    rows = run_as_seen(versions_of_pool, {{Int64GetDatum(state->pool)}, {UUIDPGetDatum(last)}});
    state->roots.clear();
    for (std::uint64_t row = 0; row < rows; row++) {
      CHECK_FOR_INTERRUPTS();
      bool null = false;
      *last = *DatumGetUUIDP(result(row, 1, &null));
      if (const char* problem = problem_of(judge_row(state, row, true)))
        report(*state, problem, 0, last);
    }
    SPI_freetuptable(SPI_tuptable);
    if (!state->broken) reach_parts(state->pool, state->roots, look::as_caller, &state->reached);
  }
}

void check_pool(check* state) {
  state->hashes.clear();
  state->reached.clear();
  state->broken = false;
  check_parts(state);
  check_versions_of(state);
  if (state->queued || state->broken) return;
  for (const auto& [id, hash] : state->hashes)
    if (!state->reached.has(id)) report(*state, "no snapshot has this part", id, nullptr);
}

}  // namespace

// memory_check()
STASH_FUNCTION(memory_check) {
  InitMaterializedSRF(fcinfo, 0);
  prepare_hash();
  auto* state = make_in_context<check>();
  state->rows = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  const as_owner owner;
  report_misplaced(*state);
  const std::uint64_t pools = run_as_seen(all_pools, {});
  SPITupleTable* table = SPI_tuptable;
  for (std::uint64_t row = 0; row < pools; row++) {
    SPI_tuptable = table;
    bool null = false;
    state->pool = DatumGetInt64(result(row, 1, &null));
    state->salt = digest_of(result(row, 2, &null));
    state->queued = DatumGetBool(result(row, 3, &null));
    check_pool(state);
  }
  owner.finish();
  PG_RETURN_NULL();
}

}  // namespace stash::memory

// SQL entry point memory_check: looks whether everything that is stored fits together.
//
// The hashes of a pool's parts are read first and kept in memory, then each part is held against
// those below it. All is seen with the caller's snapshot.
#include <algorithm>

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
    " WHERE l.pool = v.pool AND l.id = v.line AND v.version > l.last_version"
    " UNION ALL SELECT 'a line without its pool', l.pool, NULL, NULL FROM stash.memory_line l"
    " WHERE NOT EXISTS (SELECT FROM stash.memory_pool p WHERE p.id = l.pool)"
    " UNION ALL SELECT DISTINCT 'a part without its pool', q.pool, q.id, NULL::uuid"
    " FROM stash.memory_part q"
    " WHERE NOT EXISTS (SELECT FROM stash.memory_pool p WHERE p.id = q.pool)"
    " UNION ALL SELECT 'an embedding without its snapshot', e.pool, NULL, e.id"
    " FROM stash.memory_embedding e WHERE NOT EXISTS (SELECT FROM stash.memory_version v"
    " WHERE v.id = e.id AND v.pool = e.pool AND v.line = e.line)"
    " UNION ALL SELECT 'an embedding that says other things than its snapshot', e.pool, NULL, e.id"
    " FROM stash.memory_embedding e, stash.memory_version v, stash.memory_line l"
    " WHERE v.id = e.id AND l.pool = v.pool AND l.id = v.line"
    " AND (e.agent_id, e.key, e.version, e.created_at, e.tags) IS DISTINCT FROM"
    " (l.agent_id, l.key, v.version, v.created_at, v.tags)",
    0,
    {}};
// The full-text index: each part and each small version has the words of its text, and nothing else
// has any.
statement wrong_words{
    "SELECT 'words of a part that is not there', t.pool, t.part, NULL::uuid"
    " FROM stash.memory_text t WHERE t.part IS NOT NULL AND NOT EXISTS ("
    "SELECT FROM stash.memory_part p WHERE p.pool = t.pool AND p.id = t.part)"
    " UNION ALL SELECT 'words of a snapshot that is not there', t.pool, NULL, t.version"
    " FROM stash.memory_text t WHERE t.version IS NOT NULL AND NOT EXISTS ("
    "SELECT FROM stash.memory_version v WHERE v.id = t.version AND v.pool = t.pool)"
    " UNION ALL SELECT 'words of an agent that full text is off for', t.pool, t.part, t.version"
    " FROM stash.memory_text t WHERE NOT EXISTS ("
    "SELECT FROM stash.memory_search_choice(t.pool) c WHERE c.language IS NOT NULL)"
    " UNION ALL SELECT CASE WHEN s.indexed IS NULL THEN 'its words are not indexed'"
    " ELSE 'other words are indexed than it has' END, s.pool, s.part, s.version"
    " FROM stash.memory_pool p JOIN stash.memory_search_choice(p.id) c ON c.language IS NOT NULL"
    " JOIN (SELECT a.pool, a.id AS part, NULL::uuid AS version, a.content, t.words AS indexed,"
    " t.complete FROM stash.memory_part a"
    " LEFT JOIN stash.memory_text t ON t.pool = a.pool AND t.part = a.id"
    " UNION ALL SELECT v.pool, NULL, v.id, v.content, t.words, t.complete"
    " FROM stash.memory_version v LEFT JOIN stash.memory_text t ON t.version = v.id) s"
    " ON s.pool = p.id AND s.content IS NOT NULL"
    " JOIN stash.memory_words(s.content, c.language::regconfig, c.weights) w ON true"
    " WHERE CASE WHEN s.indexed IS NULL THEN w.words <> ''"
    " ELSE w.words <> s.indexed OR w.complete <> s.complete END",
    0,
    {}};
statement all_pools{
    "SELECT p.id, p.salt, EXISTS (SELECT FROM stash.memory_discard d WHERE d.pool = p.id)"
    " FROM stash.memory_pool p ORDER BY p.id",
    0,
    {}};
// The last of a page is the first of the next, so that no hash is passed by.
statement hashes_of_pool{
    "SELECT p.id, p.hash FROM stash.memory_part p"
    " WHERE p.pool = $1 AND p.hash >= $2 ORDER BY p.hash LIMIT 10000",
    2,
    {INT8OID, UUIDOID}};
statement parts_by_id{
    "SELECT p.id, p.hash, p.refs, p.content FROM stash.memory_part p"
    " WHERE p.pool = $1 AND p.id = ANY ($2)",
    2,
    {INT8OID, INT8ARRAYOID}};
statement versions_of_pool{
    "SELECT v.id, v.digest, v.refs, v.content, v.added FROM stash.memory_version v"
    " WHERE v.pool = $1 AND v.added > $2 ORDER BY v.added LIMIT 500",
    2,
    {INT8OID, INT8OID}};

struct check {
  ReturnSetInfo* rows;
  std::int64_t pool;
  digest salt;
  bool queued;
  bool broken;  // a list cannot be read, so nobody can say what lies below it
  std::unordered_map<part_id, digest> hashes;
  std::vector<part_id> ids;
  std::vector<part_id> roots;
  part_set reached;
};

void report(const check& state, const char* problem, part_id part, const pg_uuid_t* snapshot) {
  Datum columns[4] = {CStringGetTextDatum(problem), Int64GetDatum(state.pool), Int64GetDatum(part),
                      UUIDPGetDatum(snapshot)};
  bool nulls[4] = {false, false, part == 0, snapshot == nullptr};
  tuplestore_putvalues(state.rows->setResult, state.rows->setDesc, columns, nulls);
}

void report_rows(const check& state, statement* what) {
  const std::uint64_t rows = run_as_seen(*what, {});
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

void read_hashes(check* state) {
  constexpr std::uint64_t page = 10'000;
  auto* last = static_cast<pg_uuid_t*>(palloc0(sizeof(pg_uuid_t)));
  for (std::uint64_t rows = page; rows == page;) {
    CHECK_FOR_INTERRUPTS();
    rows = run_as_seen(hashes_of_pool, {{Int64GetDatum(state->pool)}, {UUIDPGetDatum(last)}});
    bool null = false;
    for (std::uint64_t row = 0; row < rows; row++)
      state->hashes.emplace(DatumGetInt64(result(row, 1, &null)), digest_of(result(row, 2, &null)));
    if (rows > 0) *last = *DatumGetUUIDP(result(rows - 1, 2, &null));
    SPI_freetuptable(SPI_tuptable);
  }
}

// What these parts are, in the scratch context, which it empties.
void check_some(check* state, const part_id* ids, std::size_t count, MemoryContext scratch) {
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * count));
  for (std::size_t i = 0; i < count; i++) items[i] = Int64GetDatum(ids[i]);
  const Datum array = PointerGetDatum(construct_array(items, static_cast<int>(count), INT8OID,
                                                      sizeof(int64), true, TYPALIGN_DOUBLE));
  const std::uint64_t rows = run_as_seen(parts_by_id, {{Int64GetDatum(state->pool)}, {array}});
  const MemoryContext before = MemoryContextSwitchTo(scratch);
  for (std::uint64_t row = 0; row < rows; row++) {
    CHECK_FOR_INTERRUPTS();
    bool null = false;
    if (const char* problem = problem_of(judge_row(state, row, false)))
      report(*state, problem, DatumGetInt64(result(row, 1, &null)), nullptr);
    MemoryContextReset(scratch);
  }
  MemoryContextSwitchTo(before);
  SPI_freetuptable(SPI_tuptable);
}

void check_parts(check* state) {
  constexpr std::size_t page = 1000;
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash check", ALLOCSET_DEFAULT_SIZES);
  state->ids.clear();
  for (const auto& [id, hash] : state->hashes) state->ids.push_back(id);
  std::sort(state->ids.begin(), state->ids.end());
  for (std::size_t at = 0; at < state->ids.size(); at += page)
    check_some(state, state->ids.data() + at, Min(page, state->ids.size() - at), scratch);
  MemoryContextDelete(scratch);
}

void check_versions_of(check* state) {
  auto* id = static_cast<pg_uuid_t*>(palloc0(sizeof(pg_uuid_t)));
  std::int64_t last = INT64_MIN;
  for (std::uint64_t rows = 1; rows > 0;) {
    rows = run_as_seen(versions_of_pool, {{Int64GetDatum(state->pool)}, {Int64GetDatum(last)}});
    state->roots.clear();
    for (std::uint64_t row = 0; row < rows; row++) {
      CHECK_FOR_INTERRUPTS();
      bool null = false;
      *id = *DatumGetUUIDP(result(row, 1, &null));
      last = DatumGetInt64(result(row, 5, &null));
      if (const char* problem = problem_of(judge_row(state, row, true)))
        report(*state, problem, 0, id);
    }
    SPI_freetuptable(SPI_tuptable);
    if (!state->broken) reach_parts(state->pool, state->roots, look::as_caller, &state->reached);
  }
}

void check_pool(check* state) {
  state->hashes.clear();
  state->reached.clear();
  state->broken = false;
  read_hashes(state);
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
  report_rows(*state, &misplaced_rows);
  report_rows(*state, &wrong_words);
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

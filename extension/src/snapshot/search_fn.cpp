// SQL entry points behind memory_snapshot_search: memory_filter, memory_distance, memory_text_hits.
#include <cmath>

#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "cache/rows.hpp"
#include "session/record.hpp"
#include "session/statement.hpp"
#include "session/table.hpp"
#include "snapshot/text_walk.hpp"
#include "vector/embedding.hpp"
#include "vector/filter_catalog.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement matching_parts{
    "SELECT t.pool, t.part, t.version, pg_catalog.ts_rank(t.words, q.asked)"
    " FROM (SELECT l.language, pg_catalog.websearch_to_tsquery(l.language::pg_catalog.regconfig, "
    "$1) AS asked"
    "   FROM (SELECT DISTINCT c.language FROM stash.memory_search_language AS c"
    "     WHERE c.language IS NOT NULL) AS l) AS q"
    " JOIN stash.memory_text AS t ON t.words OPERATOR(pg_catalog.@@) q.asked"
    " JOIN stash.memory_pool AS p ON p.id OPERATOR(pg_catalog.=) t.pool"
    " LEFT JOIN stash.memory_search_language AS own ON own.agent_id OPERATOR(pg_catalog.=) "
    "p.agent_id"
    " LEFT JOIN stash.memory_search_language AS other ON other.agent_id IS NULL"
    " WHERE CASE WHEN own.agent_id IS NULL THEN other.language ELSE own.language END"
    "   OPERATOR(pg_catalog.=) q.language"
    " AND ($2 IS NULL OR t.pool OPERATOR(pg_catalog.=) ANY (ARRAY("
    "   SELECT l.pool FROM stash.memory_line AS l WHERE l.agent_id OPERATOR(pg_catalog.=) $2)))"
    " ORDER BY t.pool",
    2,
    {TEXTOID, TEXTOID}};
// Small documents lie in their versions: then only lines of those can have one.
statement lines_of_versions{
    "SELECT DISTINCT v.line FROM stash.memory_version AS v JOIN stash.memory_line AS l"
    " ON l.pool OPERATOR(pg_catalog.=) v.pool AND l.id OPERATOR(pg_catalog.=) v.line"
    " WHERE v.id OPERATOR(pg_catalog.=) ANY ($1)"
    " AND ($2 IS NULL OR l.agent_id OPERATOR(pg_catalog.=) $2)",
    2,
    {UUIDARRAYOID, TEXTOID}};
statement lines_of_pool{
    "SELECT l.id FROM stash.memory_line AS l WHERE l.pool OPERATOR(pg_catalog.=) $1"
    " AND ($2 IS NULL OR l.agent_id OPERATOR(pg_catalog.=) $2)",
    2,
    {INT8OID, TEXTOID}};

// Rows of a result that stays while other statements run.
struct rows {
  SPITupleTable* table;
  std::uint64_t count;

  [[nodiscard]] argument at(std::uint64_t row, int column) const {
    bool null = false;
    const Datum value = SPI_getbinval(table->vals[row], table->tupdesc, column, &null);
    return {value, null};
  }
};

rows rows_of(statement& what, std::initializer_list<argument> values) {
  const std::uint64_t count = run(what, values);
  return {SPI_tuptable, count};
}

struct search {
  argument agent;
  argument parameters;
  SPIPlanPtr versions;  // of a line, the newest first
  rows matches;
};

SPIPlanPtr plan_versions(const char* predicate) {
  Oid types[2] = {TEXTARRAYOID, INT8OID};
  char* text = psprintf(
      "SELECT v.id, v.refs, v.content IS NOT NULL FROM stash.memory_version AS v"
      " JOIN stash.memory_info AS i ON i.id OPERATOR(pg_catalog.=) v.id"
      " WHERE v.line OPERATOR(pg_catalog.=) $2 AND (%s) ORDER BY v.version DESC",
      predicate);
  SPIPlanPtr plan = SPI_prepare_cursor(text, 2, types, CURSOR_OPT_FAST_PLAN);
  if (plan == nullptr) elog(ERROR, "could not prepare \"%s\"", text);
  return plan;
}

// The rank of a version whose words lie in its own row; negative when it is none of those found.
float own_rank(const search& what, std::uint64_t first, std::uint64_t end, Datum id) {
  for (std::uint64_t i = first; i < end; i++) {
    const argument version = what.matches.at(i, 3);
    if (!version.null && DatumGetBool(DirectFunctionCall2(uuid_eq, version.value, id)))
      return DatumGetFloat4(what.matches.at(i, 4).value);
  }
  return -1;
}

// The newest version of a line that has one of the pool's matches, rows [first, end).
void search_line(const search& what, text_walk* walk, std::uint64_t first, std::uint64_t end,
                 Datum line, const row_set& out) {
  constexpr long versions_at_once = 20;
  Datum values[2] = {what.parameters.value, line};
  char nulls[2] = {what.parameters.null ? 'n' : ' ', ' '};
  Portal portal = SPI_cursor_open(nullptr, what.versions, values, nulls, true);
  bool found = false;
  for (;;) {
    SPI_cursor_fetch(portal, true, versions_at_once);
    const rows some = {SPI_tuptable, SPI_processed};
    for (std::uint64_t i = 0; i < some.count && !found; i++) {
      CHECK_FOR_INTERRUPTS();
      const argument refs = some.at(i, 2);
      const bool leaf = DatumGetBool(some.at(i, 3).value);
      float rank = leaf ? own_rank(what, first, end, some.at(i, 1).value) : -1;
      if (!refs.null && walk->any()) rank = Max(rank, walk->explore(refs.value, leaf));
      if (rank < 0) continue;
      found = true;
      Datum columns[3] = {line, some.at(i, 1).value, Float4GetDatum(rank)};
      bool none[3] = {false, false, false};
      out.add(columns, none);
    }
    SPI_freetuptable(some.table);
    if (found || some.count < static_cast<std::uint64_t>(versions_at_once)) break;
  }
  SPI_cursor_close(portal);
}

rows lines_with(const search& what, const text_walk& walk, std::uint64_t first, std::uint64_t end) {
  if (walk.any()) return rows_of(lines_of_pool, {what.matches.at(first, 1), what.agent});
  auto* ids = static_cast<Datum*>(palloc(sizeof(Datum) * (end - first)));
  for (std::uint64_t i = first; i < end; i++) ids[i - first] = what.matches.at(i, 3).value;
  const Datum array = PointerGetDatum(
      construct_array(ids, static_cast<int>(end - first), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
  return rows_of(lines_of_versions, {{array}, what.agent});
}

// Rows [first, end) of the matches are one pool's.
void search_pool(const search& what, std::uint64_t first, std::uint64_t end, const row_set& out) {
  auto* walk = make_in_context<text_walk>(DatumGetInt64(what.matches.at(first, 1).value));
  for (std::uint64_t i = first; i < end; i++) {
    const argument part = what.matches.at(i, 2);
    const float rank = DatumGetFloat4(what.matches.at(i, 4).value);
    if (!part.null) run_guarded([&] { walk->found(DatumGetInt64(part.value), rank); });
  }
  const rows lines = lines_with(what, *walk, first, end);
  for (std::uint64_t i = 0; i < lines.count; i++)
    search_line(what, walk, first, end, lines.at(i, 1).value, out);
  SPI_freetuptable(lines.table);
}

argument argument_at(FunctionCallInfo fcinfo, int index) {
  return {PG_GETARG_DATUM(index), PG_ARGISNULL(index)};
}

}  // namespace
}  // namespace stash::memory

namespace stash {

// memory_filter(filter)
STASH_FUNCTION(memory_filter) {
  TupleDesc described = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &described) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "a row was expected");
  Datum columns[2] = {0, 0};
  bool nulls[2] = {false, true};
  if (PG_ARGISNULL(0)) {
    columns[0] = CStringGetTextDatum("true");
  } else {
    static constexpr const char* hidden[] = {"pool", "line", "parent", nullptr};
    Relation info = table_open(get_relname_relid("memory_info", get_namespace_oid("stash", false)),
                               AccessShareLock);
    const vectors::sql_predicate predicate =
        vectors::predicate_for(RelationGetDescr(info), PG_GETARG_JSONB_P(0), "i", hidden);
    table_close(info, AccessShareLock);
    columns[0] = CStringGetTextDatum(predicate.text);
    columns[1] = predicate.parameters;
    nulls[1] = false;
  }
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(described), columns, nulls));
}

// memory_distance(embedding, query). The query is the same from row to row: it is prepared once.
STASH_FUNCTION(memory_distance) {
  auto* query = static_cast<vectors::prepared_query*>(fcinfo->flinfo->fn_extra);
  if (query == nullptr || !get_fn_expr_arg_stable(fcinfo->flinfo, 1)) {
    const MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    query = static_cast<vectors::prepared_query*>(palloc(sizeof(vectors::prepared_query)));
    *query = vectors::prepare_in_context(vectors::metric::cosine,
                                         vectors::embedding_from(fcinfo->args[1], "embedding"));
    fcinfo->flinfo->fn_extra = query;
    MemoryContextSwitchTo(before);
  }
  constexpr vectors::embedding_type type = {vectors::layout::array, vectors::element::real};
  const vectors::stored_embedding stored =
      vectors::read_embedding(PG_GETARG_DATUM(0), type, query->size);
  if (stored.numbers == nullptr) PG_RETURN_NULL();
  const double distance = vectors::distance_to(*query, type.kind, stored.numbers);
  if (stored.copy != nullptr) pfree(stored.copy);
  if (std::isnan(distance)) PG_RETURN_NULL();
  PG_RETURN_FLOAT8(distance);
}

// memory_text_hits(query, agent_id, predicate, parameters)
STASH_FUNCTION(memory_text_hits) {
  const row_set out(fcinfo);
  if (PG_ARGISNULL(0) || PG_ARGISNULL(2)) return 0;
  memory::search what = {};
  what.agent = memory::argument_at(fcinfo, 1);
  what.parameters = memory::argument_at(fcinfo, 3);
  const char* predicate = text_to_cstring(PG_GETARG_TEXT_PP(2));
  const as_owner owner;
  what.versions = memory::plan_versions(predicate);
  what.matches =
      memory::rows_of(memory::matching_parts, {memory::argument_at(fcinfo, 0), what.agent});
  for (std::uint64_t first = 0; first < what.matches.count;) {
    const std::int64_t pool = DatumGetInt64(what.matches.at(first, 1).value);
    std::uint64_t end = first + 1;
    while (end < what.matches.count && DatumGetInt64(what.matches.at(end, 1).value) == pool) end++;
    memory::search_pool(what, first, end, out);
    first = end;
  }
  owner.finish();
  return 0;
}

}  // namespace stash

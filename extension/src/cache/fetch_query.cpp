// See fetch_query.hpp.
//
// What the query's own tables are filtered by can be read off its tree. Functions hide theirs: an
// executor hook notices every statement, at any depth, whose plan depends on the role.
#include "cache/fetch_query.hpp"

#include "cache/access.hpp"

extern "C" {
#include "postgres.h"

#include "nodes/primnodes.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/plancache.h"
}

#include "boundary/postgres.hpp"

namespace stash {
namespace {

struct query_arguments {
  int count = 0;
  Oid* types = nullptr;
  Datum* values = nullptr;
  char* nulls = nullptr;
};

// The types that the query itself gives its parameters.
Oid* parameter_types(const char* query, int given) {
  List* parsed = raw_parser(query, RAW_PARSE_DEFAULT);
  if (list_length(parsed) != 1)
    ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("query must be one SELECT statement")));
  int count = given;
  Oid* types = static_cast<Oid*>(palloc0(sizeof(Oid) * static_cast<std::size_t>(Max(given, 1))));
  (void)parse_analyze_varparams(linitial_node(RawStmt, parsed), query, &types, &count, nullptr);
  if (count > given)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_PARAMETER),
                    errmsg("query uses $%d, but args has %d elements", count, given)));
  for (int i = 0; i < given; i++)
    if (!OidIsValid(types[i]) || types[i] == UNKNOWNOID) types[i] = TEXTOID;
  return types;
}

query_arguments read_arguments(const char* query, FunctionCallInfo fcinfo, int index) {
  query_arguments args;
  Datum* elements = nullptr;
  bool* nulls = nullptr;
  if (!PG_ARGISNULL(index))
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(index), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                      &nulls, &args.count);
  args.types = parameter_types(query, args.count);
  const auto size = static_cast<std::size_t>(Max(args.count, 1));
  args.values = static_cast<Datum*>(palloc0(sizeof(Datum) * size));
  args.nulls = static_cast<char*>(palloc0(size + 1));
  for (int i = 0; i < args.count; i++) {
    args.nulls[i] = nulls[i] ? 'n' : ' ';
    if (nulls[i]) continue;
    Oid input = InvalidOid;
    Oid parameter = InvalidOid;
    getTypeInputInfo(args.types[i], &input, &parameter);
    args.values[i] = OidInputFunctionCall(input, TextDatumGetCString(elements[i]), parameter, -1);
  }
  return args;
}

// What an executor hook notes while a query of cache_fetch runs. Statements within functions come
// to it as well as the query itself.
ExecutorStart_hook_type previous_executor_start = nullptr;
int running = 0;
bool query_starts = false;
std::uint64_t role_statements = 0;

bool reads_under_row_security(const PlannedStmt* statement) {
  bool found = false;
  ListCell* cell = nullptr;
  foreach (cell, statement->rtable) {
    const auto* entry = lfirst_node(RangeTblEntry, cell);
    if (found || entry->rtekind != RTE_RELATION) continue;
    HeapTuple relation = SearchSysCache1(RELOID, ObjectIdGetDatum(entry->relid));
    if (!HeapTupleIsValid(relation)) continue;
    found = reinterpret_cast<Form_pg_class>(GETSTRUCT(relation))->relrowsecurity;
    ReleaseSysCache(relation);
  }
  return found;
}

void on_executor_start(QueryDesc* query, int flags) {
  if (running > 0) {
    const bool nested = !query_starts;
    query_starts = false;
    // dependsOnRole: policies of a function that the planner inlined, or a foreign server's user.
    if (query->plannedstmt->dependsOnRole ||
        (nested && reads_under_row_security(query->plannedstmt)))
      role_statements++;
  }
  if (previous_executor_start != nullptr)
    previous_executor_start(query, flags);
  else
    standard_ExecutorStart(query, flags);
}

int run_watched(SPIPlanPtr plan, const query_arguments& args) {
  volatile int code = 0;
  const bool outer_starts = query_starts;
  running++;
  query_starts = true;
  PG_TRY();
  {
    // Two rows are enough to know that there is more than one.
    code = SPI_execute_plan(plan, args.values, args.nulls, false, 2);
  }
  PG_FINALLY();
  {
    running--;
    query_starts = outer_starts;
  }
  PG_END_TRY();
  return code;
}

bool is_mutable(Oid function, void*) { return func_volatile(function) != PROVOLATILE_IMMUTABLE; }

// Whether an expression depends on more than its rows and the current role.
bool depends_on_session(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, SQLValueFunction)) {
    const SQLValueFunctionOp op = castNode(SQLValueFunction, node)->op;
    return op != SVFOP_CURRENT_ROLE && op != SVFOP_CURRENT_USER && op != SVFOP_USER;
  }
  if (check_functions_in_node(node, is_mutable, nullptr)) return true;
  if (IsA(node, Query))
    return compat::walk_query(castNode(Query, node), depends_on_session, context);
  return compat::walk_expression(node, depends_on_session, context);
}

// Looks at the policies' conditions wherever the rewriter has put them.
bool policies_depend_on_session(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) {
    auto* query = castNode(Query, node);
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
      auto* entry = lfirst_node(RangeTblEntry, cell);
      if (depends_on_session(reinterpret_cast<Node*>(entry->securityQuals), nullptr)) return true;
    }
    return compat::walk_query(query, policies_depend_on_session, context);
  }
  return compat::walk_expression(node, policies_depend_on_session, context);
}

value_scope scope_of(SPIPlanPtr plan) {
  ListCell* cell = nullptr;
  foreach (cell, SPI_plan_get_plan_sources(plan)) {
    auto* source = static_cast<CachedPlanSource*>(lfirst(cell));
    if (!source->dependsOnRLS) continue;
    ListCell* inner = nullptr;
    foreach (inner, source->query_list) {
      if (policies_depend_on_session(static_cast<Node*>(lfirst(inner)), nullptr))
        return value_scope::nobody;
    }
    return value_scope::role;
  }
  return value_scope::everybody;
}

// Before it runs: what it would write is not undone by an error alone (sequences, for one).
void check_read_only(SPIPlanPtr plan) {
  bool reads = true;
  ListCell* cell = nullptr;
  foreach (cell, SPI_plan_get_plan_sources(plan)) {
    auto* source = static_cast<CachedPlanSource*>(lfirst(cell));
    ListCell* inner = nullptr;
    foreach (inner, source->query_list) {
      const auto* query = lfirst_node(Query, inner);
      reads = reads && query->commandType == CMD_SELECT && !query->hasModifyingCTE;
    }
  }
  if (!reads)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("query must be a SELECT statement"),
             errhint("It must not write, in WITH neither.")));
}

void check_result() {
  if (SPI_tuptable == nullptr || SPI_tuptable->tupdesc->natts != 1 ||
      SPI_gettypeid(SPI_tuptable->tupdesc, 1) != JSONBOID)
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("query must return one column of type jsonb"),
                    errhint("Wrap the result: SELECT to_jsonb(t) FROM … t, or jsonb_agg(…).")));
  if (SPI_processed > 1)
    ereport(ERROR,
            (errcode(ERRCODE_CARDINALITY_VIOLATION), errmsg("query returned more than one row"),
             errhint("Aggregate them with jsonb_agg(…), or add LIMIT 1.")));
}

}  // namespace

query_result run_fetch_query(std::string_view query, FunctionCallInfo fcinfo, int args_index) {
  const MemoryContext caller = CurrentMemoryContext;
  const char* text = pnstrdup(query.data(), query.size());
  const query_arguments args = read_arguments(text, fcinfo, args_index);
  query_result result;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  SPIPlanPtr plan = SPI_prepare(text, args.count, args.types);
  if (plan == nullptr)
    ereport(ERROR,
            (errcode(ERRCODE_SYNTAX_ERROR), errmsg("could not prepare the query of cache_fetch: %s",
                                                   SPI_result_code_string(SPI_result))));
  check_read_only(plan);
  const value_scope visible = scope_of(plan);
  const std::uint64_t statements_before = role_statements;
  const std::uint64_t values_before = role_values_read();
  const int code = run_watched(plan, args);
  if (code != SPI_OK_SELECT)
    elog(ERROR, "unexpected result of a query: %s", SPI_result_code_string(code));
  check_result();
  // What statements in functions were shown for this role only, nobody can tell from the query.
  const bool hidden = role_statements > statements_before || role_values_read() > values_before;
  result.scope = hidden ? value_scope::nobody : visible;
  // The query of an outer cache_fetch has come to depend on it, too.
  if (result.scope != value_scope::everybody) role_statements++;
  if (SPI_processed == 1) {
    const Datum value =
        SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &result.is_null);
    if (!result.is_null) {
      const MemoryContext spi = MemoryContextSwitchTo(caller);
      // A plain copy: what lies in a tuple may be compressed or short.
      result.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
      MemoryContextSwitchTo(spi);
    }
  }
  SPI_finish();
  return result;
}

void install_fetch_hook() {
  previous_executor_start = ExecutorStart_hook;
  ExecutorStart_hook = on_executor_start;
}

}  // namespace stash

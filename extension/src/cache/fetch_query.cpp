// See fetch_query.hpp.
#include "cache/fetch_query.hpp"

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
  result.scope = scope_of(plan);
  // Two rows are enough to know that there is more than one.
  const int code = SPI_execute_plan(plan, args.values, args.nulls, false, 2);
  if (code != SPI_OK_SELECT)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("query must be a SELECT statement")));
  check_result();
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

}  // namespace stash

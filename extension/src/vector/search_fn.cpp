// SQL entry points of the local engine: vector_distance, vector_search_local.
#include <limits>

#include "boundary/guard.hpp"
#include "cache/arguments.hpp"
#include "cache/rows.hpp"
#include "vector/search.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

using vectors::embedding_argument;
using vectors::search_request;
using vectors::search_result;

int max_rows_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) report_null("max_rows");
  const int rows = PG_GETARG_INT32(index);
  if (rows < 1 || rows > vectors::most_rows)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("max_rows must lie between 1 and %d", vectors::most_rows)));
  return rows;
}

const Jsonb* filter_argument(FunctionCallInfo fcinfo, int index) {
  return PG_ARGISNULL(index) ? nullptr : PG_GETARG_JSONB_P(index);
}

void properties_argument(FunctionCallInfo fcinfo, int index, search_request* request) {
  if (PG_ARGISNULL(index)) return;
  const text_list names = text_array_argument(fcinfo, index, "property_columns");
  auto** list =
      static_cast<const char**>(palloc(sizeof(char*) * static_cast<Size>(names.count + 1)));
  for (int i = 0; i < names.count; i++)
    list[i] = pnstrdup(names.items[i].data(), names.items[i].size());
  request->properties = list;
  request->property_count = names.count;
}

// Nothing found is an answer; that nothing could be compared is not.
void check_sizes(const search_request& request, const search_result& result) {
  if (result.of_this_size == 0 && result.of_other_sizes > 0)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("no embedding in column \"%s\" has %d dimensions", request.column,
                           request.embedding.size),
                    errdetail("All %llu have other numbers of them, or null elements.",
                              static_cast<unsigned long long>(result.of_other_sizes)),
                    errhint("Embeddings can be compared with those of the same model only.")));
}

}  // namespace

// vector_distance(a, b, metric)
STASH_FUNCTION(vector_distance) {
  const embedding_argument a = vectors::embedding_from(fcinfo->args[0], "a");
  const embedding_argument b = vectors::embedding_from(fcinfo->args[1], "b");
  const vectors::metric measure = vectors::metric_from(fcinfo->args[2]);
  if (a.size != b.size)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("embeddings of %d and %d dimensions have no distance", a.size, b.size)));
  const vectors::prepared_query query = vectors::prepare_in_context(measure, a);
  PG_RETURN_FLOAT8(vectors::distance_to(query, vectors::element::exact, b.numbers));
}

// vector_search_local(relation, embedding_column, embedding, max_rows, filter, metric,
// max_distance, property_columns)
STASH_FUNCTION(vector_search_local) {
  if (PG_ARGISNULL(0)) report_null("relation");
  if (PG_ARGISNULL(1)) report_null("embedding_column");
  search_request request = {};
  request.relation = PG_GETARG_OID(0);
  request.column = text_to_cstring(PG_GETARG_TEXT_PP(1));
  request.embedding = vectors::embedding_from(fcinfo->args[2], "embedding");
  request.max_rows = max_rows_argument(fcinfo, 3);
  request.filter = filter_argument(fcinfo, 4);
  request.measure = vectors::metric_from(fcinfo->args[5]);
  request.max_distance =
      PG_ARGISNULL(6) ? std::numeric_limits<double>::infinity() : PG_GETARG_FLOAT8(6);
  properties_argument(fcinfo, 7, &request);
  const search_result result = vectors::search_local(request);
  check_sizes(request, result);
  const row_set rows(fcinfo);
  for (int i = 0; i < result.count; i++) {
    const vectors::search_hit& hit = result.hits[i];
    Datum columns[5] = {hit.id, Float8GetDatum(hit.distance),
                        Float8GetDatum(vectors::score_of(request.measure, hit.distance)),
                        hit.properties, CStringGetTextDatum("local")};
    bool nulls[5] = {hit.id == 0, false, false, false, false};
    rows.add(columns, nulls);
  }
  return 0;
}

}  // namespace stash

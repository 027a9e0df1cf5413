// SQL entry point vector_search: Weaviate's answer, joined with the table; or the local engine's.
//
// What Weaviate finds is only a list of keys: the rows come from the table, with the caller's
// rights and snapshot, row security included, so nothing that was deleted or may not be seen comes
// back, however late the server is. The filter is sent as far as Weaviate can tell (see
// filter_weaviate.hpp), and applied to the rows, too, so it means the same as in the local engine.
// More hits are asked for than rows are wanted, more each time, until there are enough, or no more
// hits; where the server gives no more and may have some, the local engine answers.
#include <limits>
#include <map>
#include <span>

#include "boundary/guard.hpp"
#include "cache/arguments.hpp"
#include "cache/rows.hpp"
#include "vector/filter_catalog.hpp"
#include "vector/key_image.hpp"
#include "vector/search.hpp"
#include "vector/server_search.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/datum.h"
#include "utils/json.h"
}

namespace stash {
namespace {

struct wanted {
  Oid relation;
  bool has_embedding;
  vectors::embedding_argument embedding;
  int max_rows;
  hit_query query;
  const char* collection;
  const char* column;
};

// Of the present call.
server_search* state = nullptr;

double optional_number(FunctionCallInfo fcinfo, int index, double standard) {
  return PG_ARGISNULL(index) ? standard : PG_GETARG_FLOAT8(index);
}

const char* optional_text(FunctionCallInfo fcinfo, int index) {
  return PG_ARGISNULL(index) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(index));
}

wanted read_arguments(FunctionCallInfo fcinfo) {
  wanted want = {};
  if (PG_ARGISNULL(0)) report_null("relation");
  want.relation = PG_GETARG_OID(0);
  want.query.words = optional_text(fcinfo, 5);
  want.has_embedding = !PG_ARGISNULL(1) || want.query.words == nullptr;
  if (want.has_embedding) want.embedding = vectors::embedding_from(fcinfo->args[1], "embedding");
  want.max_rows = PG_ARGISNULL(2) ? 10 : PG_GETARG_INT32(2);
  if (want.max_rows < 1 || want.max_rows > vectors::most_rows)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("max_rows must lie between 1 and %d", vectors::most_rows)));
  want.query.filter = PG_ARGISNULL(3) ? nullptr : PG_GETARG_JSONB_P(3);
  want.query.tenant = optional_text(fcinfo, 4);
  want.query.alpha = optional_number(fcinfo, 6, 0.5);
  want.query.max_distance = optional_number(fcinfo, 7, std::numeric_limits<double>::infinity());
  want.collection = optional_text(fcinfo, 8);
  want.column = optional_text(fcinfo, 9);
  if (!(want.query.alpha >= 0 && want.query.alpha <= 1))
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("alpha must lie between 0 and 1"),
             errhint("1 is the vector alone, 0 the words alone.")));
  return want;
}

void load_state(const wanted& want) {
  delete state;
  state = nullptr;
  state = new server_search;
  const bool fits = load_server_search(want.relation, want.collection, want.column, state);
  const bool synchronised =
      fits || (want.column != nullptr && state->config.id == 0 &&
               load_server_search(want.relation, want.collection, nullptr, state));
  if (!synchronised)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    want.collection == nullptr
                        ? errmsg("\"%s\" is not synchronised", get_rel_name(want.relation))
                        : errmsg("\"%s\" is not synchronised with collection \"%s\"",
                                 get_rel_name(want.relation), want.collection),
                    errhint("Begin with stash.vector_sync_enable, or search it as it is with "
                            "stash.vector_search_local.")));
  if (!fits)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("\"%s\" is no embedding column of a collection of \"%s\"", want.column,
                           get_rel_name(want.relation)),
                    errhint("stash.vector_sync_status() lists the collections.")));
  if (!state->config.tenant_column.empty() && want.query.tenant == nullptr)
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("tenant must not be null"),
                    errhint("The table was synchronised with a tenant column.")));
  if (state->config.tenant_column.empty() && want.query.tenant != nullptr)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" has no tenants", get_rel_name(want.relation))));
  if (want.has_embedding) ask_for(want.embedding, state);
}

// SELECT n, id, properties of the hits' rows, in their order.
const char* join_statement(const wanted& want, const vectors::sql_predicate* filter) {
  const sync_config& config = state->config;
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfoString(&text, "SELECT k.n, pg_catalog.jsonb_build_object(");
  for (std::size_t i = 0; i < config.key.size(); i++)
    appendStringInfo(&text, "%s%s, r.%s", i == 0 ? "" : ", ",
                     quote_literal_cstr(config.key[i].name.c_str()),
                     quote_identifier(config.key[i].name.c_str()));
  appendStringInfoString(&text, "), pg_catalog.jsonb_build_object(");
  for (std::size_t i = 0; i < config.properties.size(); i++)
    appendStringInfo(&text, "%s%s, r.%s", i == 0 ? "" : ", ",
                     quote_literal_cstr(config.properties[i].column.c_str()),
                     quote_identifier(config.properties[i].column.c_str()));
  appendStringInfoString(&text, ") FROM ROWS FROM (");
  const int first = filter == nullptr ? 0 : 1;
  for (std::size_t i = 0; i < config.key.size(); i++)
    appendStringInfo(&text, "%spg_catalog.unnest($%d)", i == 0 ? "" : ", ",
                     first + static_cast<int>(i) + 1);
  appendStringInfoString(&text, ") WITH ORDINALITY AS k(");
  for (std::size_t i = 0; i < config.key.size(); i++) appendStringInfo(&text, "k%zu, ", i);
  appendStringInfo(&text, "n) JOIN %s AS r ON ", config.table.c_str());
  for (std::size_t i = 0; i < config.key.size(); i++)
    appendStringInfo(&text, "%sr.%s OPERATOR(%s.=) k.k%zu::%s", i == 0 ? "" : " AND ",
                     quote_identifier(config.key[i].name.c_str()), config.key[i].schema.c_str(), i,
                     config.key[i].type.c_str());
  appendStringInfo(&text, " WHERE r.%s IS NOT NULL",
                   quote_identifier(config.vectors[0].column.c_str()));
  if (want.query.tenant != nullptr)
    appendStringInfo(&text, " AND r.%s::pg_catalog.text OPERATOR(pg_catalog.=) %s",
                     quote_identifier(config.tenant_column.c_str()),
                     quote_literal_cstr(want.query.tenant));
  if (filter != nullptr) appendStringInfo(&text, " AND (%s)", filter->text);
  appendStringInfo(&text, " ORDER BY k.n LIMIT %d", want.max_rows);
  return text.data;
}

// The plans of a session's first statements are kept, for its searches are alike; none is ever
// freed, as a row security policy may search while one is executed.
SPIPlanPtr join_plan(const char* text, int parameters, Oid* types) {
  constexpr std::size_t most_kept = 16;
  static auto* kept = new std::map<std::string, SPIPlanPtr>;
  const auto found = kept->find(text);
  if (found != kept->end() && found->second != nullptr) return found->second;
  SPIPlanPtr plan = SPI_prepare(text, parameters, types);
  if (plan == nullptr) elog(ERROR, "could not join: %s", SPI_result_code_string(SPI_result));
  if (kept->size() >= most_kept) return plan;
  SPIPlanPtr& place = (*kept)[text];
  SPI_keepplan(plan);
  place = plan;
  return plan;
}

struct joined_row {
  std::size_t hit;
  Datum id;
  Datum properties;
};

// The rows of the hits that the caller may see and the filter lets pass, in the caller's context.
int join_hits(const wanted& want, joined_row* rows) {
  Relation open = relation_open(want.relation, AccessShareLock);
  vectors::sql_predicate filter = {};
  const char* hidden[2] = {state->config.vectors[0].column.c_str(), nullptr};
  if (want.query.filter != nullptr)
    filter = vectors::predicate_for(RelationGetDescr(open), want.query.filter, "r", hidden);
  relation_close(open, NoLock);

  const auto columns = static_cast<int>(state->config.key.size());
  const std::size_t hits = state->found.hits.size();
  Datum* keys = static_cast<Datum*>(
      palloc(sizeof(Datum) * Max(hits, std::size_t{1}) * static_cast<std::size_t>(columns)));
  for (std::size_t i = 0; i < hits; i++) {
    const char* key = key_of(state->found.hits[i]);
    const auto parts = key_parts(key == nullptr ? "" : key, columns);
    for (int j = 0; j < columns; j++) {
      const std::string_view part =
          parts && key != nullptr ? (*parts)[static_cast<std::size_t>(j)] : "";
      keys[static_cast<std::size_t>(j) * hits + i] =
          PointerGetDatum(cstring_to_text_with_len(part.data(), static_cast<int>(part.size())));
    }
  }
  const int first = want.query.filter == nullptr ? 0 : 1;
  const int total = first + columns;
  auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * static_cast<std::size_t>(total)));
  auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(total)));
  // The filter's parameters are one array of texts, $1.
  if (want.query.filter != nullptr) {
    types[0] = TEXTARRAYOID;
    values[0] = filter.parameters;
  }
  for (int j = 0; j < columns; j++) {
    types[first + j] = TEXTARRAYOID;
    values[first + j] =
        PointerGetDatum(construct_array(keys + static_cast<std::size_t>(j) * hits,
                                        static_cast<int>(hits), TEXTOID, -1, false, TYPALIGN_INT));
  }
  const char* text = join_statement(want, want.query.filter == nullptr ? nullptr : &filter);
  const MemoryContext caller = CurrentMemoryContext;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  const int code = SPI_execute_plan(join_plan(text, total, types), values, nullptr, true, 0);
  if (code < 0) elog(ERROR, "could not join: %s", SPI_result_code_string(code));
  const auto count = static_cast<int>(SPI_processed);
  const MemoryContext spi = MemoryContextSwitchTo(caller);
  for (int i = 0; i < count; i++) {
    HeapTuple row = SPI_tuptable->vals[i];
    TupleDesc shape = SPI_tuptable->tupdesc;
    bool null = false;
    rows[i].hit = static_cast<std::size_t>(DatumGetInt64(SPI_getbinval(row, shape, 1, &null))) - 1;
    rows[i].id = datumCopy(SPI_getbinval(row, shape, 2, &null), false, -1);
    rows[i].properties = datumCopy(SPI_getbinval(row, shape, 3, &null), false, -1);
  }
  MemoryContextSwitchTo(spi);
  SPI_finish();
  return count;
}

// The metric of the local engine; nothing for one that only Weaviate knows.
std::optional<vectors::metric> local_metric() {
  return vectors::metric_named(state->config.distance);
}

void return_joined(const row_set& rows, const wanted& want, const joined_row* joined, int count) {
  for (int i = 0; i < count; i++) {
    const weaviate::search_hit& hit = state->found.hits[joined[i].hit];
    Datum columns[5] = {joined[i].id, 0, 0, joined[i].properties, CStringGetTextDatum("weaviate")};
    bool nulls[5] = {false, !hit.distance, true, false, false};
    if (hit.distance) columns[1] = Float8GetDatum(*hit.distance);
    if (want.query.words != nullptr && hit.score) {
      columns[2] = Float8GetDatum(*hit.score);
      nulls[2] = false;
    } else if (hit.distance && local_metric()) {
      columns[2] = Float8GetDatum(vectors::score_of(*local_metric(), *hit.distance));
      nulls[2] = false;
    }
    rows.add(columns, nulls);
  }
}

// False when the server cannot answer, or not with as many rows as there may be.
bool search_there(const row_set& rows, const wanted& want) {
  auto* joined = static_cast<joined_row*>(
      palloc(sizeof(joined_row) * static_cast<std::size_t>(want.max_rows)));
  translate_filter(want.query.filter, state);
  int hits = first_hits(*state, want.max_rows);
  while (true) {
    CHECK_FOR_INTERRUPTS();
    if (!ask_server(want.query, hits, state)) return false;
    const int count = join_hits(want, joined);
    const bool few = state->found.hits.size() < static_cast<std::size_t>(hits);
    if (count == want.max_rows || (few && hits == most_hits)) {
      return_joined(rows, want, joined, count);
      return true;
    }
    if (hits == most_hits) return false;
    hits = more_hits(*state, hits);
  }
}

// The tenant as a part of the filter.
const Jsonb* filter_with_tenant(const wanted& want) {
  if (want.query.tenant == nullptr) return want.query.filter;
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfoString(&text, "{\"and\": [{");
  escape_json(&text, state->config.tenant_column.c_str());
  appendStringInfoString(&text, ": ");
  escape_json(&text, want.query.tenant);
  appendStringInfoString(&text, "}");
  if (want.query.filter != nullptr) {
    appendStringInfoString(&text, ", ");
    (void)JsonbToCString(&text, const_cast<JsonbContainer*>(&want.query.filter->root),
                         static_cast<int>(VARSIZE(want.query.filter)));
  }
  appendStringInfoString(&text, "]}");
  return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

void search_here(const row_set& rows, const wanted& want) {
  const auto measure = local_metric();
  if (!want.has_embedding || !measure)
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("Weaviate does not answer"),
         errdetail("%s", state->found.failed.message.empty() ? state->target.problem.c_str()
                                                             : state->found.failed.message.c_str()),
         errhint("The local engine has no search by words, and no distance \"%s\" "
                 "unless it is cosine, dot or l2-squared.",
                 state->config.distance.c_str())));
  vectors::search_request request = {};
  request.relation = want.relation;
  request.column = state->config.vectors[0].column.c_str();
  request.embedding = want.embedding;
  request.measure = *measure;
  request.max_rows = want.max_rows;
  request.filter = filter_with_tenant(want);
  request.max_distance = want.query.max_distance;
  const std::size_t count = state->config.properties.size();
  auto** names = static_cast<const char**>(palloc(sizeof(char*) * (count + 1)));
  for (std::size_t i = 0; i < count; i++) names[i] = state->config.properties[i].column.c_str();
  request.properties = names;
  request.property_count = static_cast<int>(count);
  const vectors::search_result result = vectors::search_local(request);
  for (int i = 0; i < result.count; i++) {
    const vectors::search_hit& hit = result.hits[i];
    Datum columns[5] = {hit.id, Float8GetDatum(hit.distance),
                        Float8GetDatum(vectors::score_of(*measure, hit.distance)), hit.properties,
                        CStringGetTextDatum("local")};
    bool nulls[5] = {hit.id == 0, false, false, false, false};
    rows.add(columns, nulls);
  }
}

}  // namespace

// vector_search(relation, embedding, max_rows, filter, tenant, query, alpha, max_distance,
// collection, embedding_column)
STASH_FUNCTION(vector_search) {
  const wanted want = read_arguments(fcinfo);
  load_state(want);
  // Before anything is said to the server.
  if (pg_class_aclcheck(want.relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
      pg_attribute_aclcheck_all(want.relation, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(want.relation));
  const row_set rows(fcinfo);
  if (!server_is_well(*state) || !search_there(rows, want)) search_here(rows, want);
  return 0;
}

}  // namespace stash

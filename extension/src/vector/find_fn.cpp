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
#include "session/statement.hpp"
#include "vector/filter_catalog.hpp"
#include "vector/filter_weaviate.hpp"
#include "vector/key_image.hpp"
#include "vector/search.hpp"
#include "vector/server_call.hpp"
#include "vector/shared.hpp"
#include "vector/sync_config.hpp"
#include "weaviate/search.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/datum.h"
#include "utils/json.h"
}

namespace stash {
namespace {

constexpr int most_hits = 10'000;
// After a server that did not answer, the local engine is asked for so long.
constexpr std::int64_t rest_us = 5'000'000;

struct wanted {
  Oid relation;
  bool has_embedding;
  vectors::embedding_argument embedding;
  int max_rows;
  const Jsonb* filter;
  const char* tenant;
  const char* words;
  double alpha;
  double max_distance;
  const char* collection;
  const char* column;
};

// Of the present call; what C++ owns lives on the heap, for errors run over the stack.
struct search_state {
  sync_config config;
  weaviate_target target;
  weaviate::search_result found;
  std::string rows_text;
  std::vector<float> numbers;
  vectors::weaviate_filter filter;
};
search_state* state = nullptr;

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
  want.words = optional_text(fcinfo, 5);
  want.has_embedding = !PG_ARGISNULL(1) || want.words == nullptr;
  if (want.has_embedding) want.embedding = vectors::embedding_from(fcinfo->args[1], "embedding");
  want.max_rows = PG_ARGISNULL(2) ? 10 : PG_GETARG_INT32(2);
  if (want.max_rows < 1 || want.max_rows > vectors::most_rows)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("max_rows must lie between 1 and %d", vectors::most_rows)));
  want.filter = PG_ARGISNULL(3) ? nullptr : PG_GETARG_JSONB_P(3);
  want.tenant = optional_text(fcinfo, 4);
  want.alpha = optional_number(fcinfo, 6, 0.5);
  want.max_distance = optional_number(fcinfo, 7, std::numeric_limits<double>::infinity());
  want.collection = optional_text(fcinfo, 8);
  want.column = optional_text(fcinfo, 9);
  if (!(want.alpha >= 0 && want.alpha <= 1))
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("alpha must lie between 0 and 1"),
             errhint("1 is the vector alone, 0 the words alone.")));
  return want;
}

void load_state(const wanted& want) {
  delete state;
  state = nullptr;
  state = new search_state;
  const as_owner owner;
  const bool fits = load_sync_of(want.relation, want.collection, want.column, &state->config);
  const bool synchronised =
      fits || (want.column != nullptr &&
               load_sync_of(want.relation, want.collection, nullptr, &state->config));
  load_target(&state->target);
  owner.finish();
  if (!synchronised || state->config.dropped)
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
  if (!state->config.tenant_column.empty() && want.tenant == nullptr)
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("tenant must not be null"),
                    errhint("The table was synchronised with a tenant column.")));
  if (state->config.tenant_column.empty() && want.tenant != nullptr)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" has no tenants", get_rel_name(want.relation))));
  for (int i = 0; want.has_embedding && i < want.embedding.size; i++)
    state->numbers.push_back(static_cast<float>(want.embedding.numbers[i]));
}

std::int64_t down_until = 0;

bool server_is_well() {
  const vector_slot* slot = my_vector_slot();
  return state->target.configured && state->target.problem.empty() &&
         (slot == nullptr || slot->breaker.load() == 0) && GetCurrentTimestamp() >= down_until;
}

const char* to_utf8(const char* text) {
  return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

// What of the filter Weaviate can tell. One that is malformed is refused where the rows are read.
void translate_filter(const wanted& want) {
  state->filter = {};
  if (want.filter == nullptr) return;
  const char* text = to_utf8(JsonbToCString(nullptr, &const_cast<Jsonb*>(want.filter)->root,
                                            static_cast<int>(VARSIZE(want.filter))));
  run_guarded([&] {
    std::vector<vectors::indexed_property> properties;
    for (const property_column& each : state->config.properties)
      properties.push_back({each.column, each.name, each.type});
    try {
      state->filter =
          vectors::filter_for_weaviate(vectors::parse_filter(text), properties,
                                       state->target.server.dialect == weaviate::dialect::connect);
    } catch (const vectors::filter_error&) {
      state->filter = {};
      state->filter.exact = false;
    }
  });
}

// False when the server did not answer as it should.
bool ask_server(const wanted& want, int hits) {
  using filter_result = vectors::weaviate_filter::result;
  if (state->filter.is == filter_result::nothing) {
    state->found = {};
    return true;
  }
  weaviate::search_query query;
  query.collection = state->config.collection;
  query.vector_name = state->config.vectors[0].name;
  query.vector = state->numbers;
  if (want.tenant != nullptr) query.tenant = want.tenant;
  if (want.words != nullptr) query.words = want.words;
  query.alpha = want.alpha;
  query.limit = hits;
  if (state->filter.is == filter_result::some) query.filter = &state->filter.condition;
  if (want.words == nullptr && want.max_distance < std::numeric_limits<double>::infinity())
    query.max_distance = want.max_distance;
  static const std::string* const key = new std::string("stash_key");
  query.properties = {key, 1};
  state->target.server.timeout_ms = std::min(state->target.server.timeout_ms, 10'000);
  state->found = weaviate::read_search(
      state->target.server, call_server(weaviate::search_request(state->target.server, query)));
  if (state->found.failed.verdict == weaviate::verdict::done) return true;
  const auto cause = state->found.failed.cause;
  if (cause == weaviate::cause::network || cause == weaviate::cause::overloaded)
    down_until = GetCurrentTimestamp() + rest_us;
  return false;
}

// The key that an object carries; nullptr when it is not one of ours.
const char* key_of(const weaviate::search_hit& hit) {
  Datum parsed = DirectFunctionCall1(jsonb_in, CStringGetDatum(hit.properties.c_str()));
  Jsonb* object = DatumGetJsonbP(parsed);
  JsonbValue value;
  if (getKeyJsonValueFromContainer(&object->root, "stash_key", 9, &value) == nullptr ||
      value.type != jbvString)
    return nullptr;
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
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
  if (want.tenant != nullptr)
    appendStringInfo(&text, " AND r.%s::pg_catalog.text OPERATOR(pg_catalog.=) %s",
                     quote_identifier(config.tenant_column.c_str()),
                     quote_literal_cstr(want.tenant));
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
  if (want.filter != nullptr)
    filter = vectors::predicate_for(RelationGetDescr(open), want.filter, "r", hidden);
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
  const int first = want.filter == nullptr ? 0 : 1;
  const int total = first + columns;
  auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * static_cast<std::size_t>(total)));
  auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(total)));
  // The filter's parameters are one array of texts, $1.
  if (want.filter != nullptr) {
    types[0] = TEXTARRAYOID;
    values[0] = filter.parameters;
  }
  for (int j = 0; j < columns; j++) {
    types[first + j] = TEXTARRAYOID;
    values[first + j] =
        PointerGetDatum(construct_array(keys + static_cast<std::size_t>(j) * hits,
                                        static_cast<int>(hits), TEXTOID, -1, false, TYPALIGN_INT));
  }
  const char* text = join_statement(want, want.filter == nullptr ? nullptr : &filter);
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
    if (want.words != nullptr && hit.score) {
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
  translate_filter(want);
  // A few more than wanted, for rows that are gone. The server looks the longer the more it is
  // asked for: eight candidates a hit, and a hundred at least.
  int hits = Min(want.max_rows + Max(2, want.max_rows / 8), most_hits);
  if (!state->filter.exact) hits = Min(hits * 4, most_hits);
  while (true) {
    CHECK_FOR_INTERRUPTS();
    if (!ask_server(want, hits)) return false;
    const int count = join_hits(want, joined);
    const bool all = state->found.hits.size() < static_cast<std::size_t>(hits);
    if (count == want.max_rows || all) {
      return_joined(rows, want, joined, count);
      return true;
    }
    if (hits == most_hits) return false;
    hits = Min(hits * 8, most_hits);
  }
}

// The tenant as a part of the filter.
const Jsonb* filter_with_tenant(const wanted& want) {
  if (want.tenant == nullptr) return want.filter;
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfoString(&text, "{\"and\": [{");
  escape_json(&text, state->config.tenant_column.c_str());
  appendStringInfoString(&text, ": ");
  escape_json(&text, want.tenant);
  appendStringInfoString(&text, "}");
  if (want.filter != nullptr) {
    appendStringInfoString(&text, ", ");
    (void)JsonbToCString(&text, const_cast<JsonbContainer*>(&want.filter->root),
                         static_cast<int>(VARSIZE(want.filter)));
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
  request.max_distance = want.max_distance;
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
  if (!server_is_well() || !search_there(rows, want)) search_here(rows, want);
  return 0;
}

}  // namespace stash

// See server_search.hpp.
#include "vector/server_search.hpp"

#include <limits>

#include "boundary/guard.hpp"
#include "session/statement.hpp"
#include "vector/server_call.hpp"
#include "vector/shared.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace stash {
namespace {

// After a server that did not answer, the local engine is asked for so long.
constexpr std::int64_t rest_us = 5'000'000;
std::int64_t down_until = 0;

const char* to_utf8(const char* text) {
  return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

}  // namespace

bool load_server_search(Oid relation, const char* collection, const char* column,
                        server_search* search) {
  const as_owner owner;
  const bool fits = load_sync_of(relation, collection, column, &search->config);
  load_target(&search->target);
  owner.finish();
  return fits && !search->config.dropped;
}

void ask_for(const vectors::embedding_argument& embedding, server_search* search) {
  for (int i = 0; i < embedding.size; i++)
    search->numbers.push_back(static_cast<float>(embedding.numbers[i]));
}

bool server_is_well(const server_search& search) {
  const vector_slot* slot = my_vector_slot();
  return search.target.configured && search.target.problem.empty() &&
         (slot == nullptr || slot->breaker.load() == 0) && GetCurrentTimestamp() >= down_until;
}

// Eight candidates a hit, and a hundred at least, are what the server looks at.
int first_hits(const server_search& search, int wanted) {
  const int hits = Min(wanted + Max(2, wanted / 8), most_hits);
  return search.filter.exact ? hits : Min(hits * 4, most_hits);
}

int more_hits(const server_search& search, int before) {
  const bool few = search.found.hits.size() < static_cast<std::size_t>(before);
  return few ? most_hits : Min(before * 8, most_hits);
}

// One that is malformed is refused where the rows are read.
void translate_filter(const Jsonb* filter, server_search* search) {
  search->filter = {};
  if (filter == nullptr) return;
  const char* text = to_utf8(JsonbToCString(nullptr, &const_cast<Jsonb*>(filter)->root,
                                            static_cast<int>(VARSIZE(filter))));
  run_guarded([&] {
    std::vector<vectors::indexed_property> properties;
    for (const property_column& each : search->config.properties)
      properties.push_back({each.column, each.name, each.type});
    try {
      search->filter =
          vectors::filter_for_weaviate(vectors::parse_filter(text), properties,
                                       search->target.server.dialect == weaviate::dialect::connect);
    } catch (const vectors::filter_error&) {
      search->filter = {};
      search->filter.exact = false;
    }
  });
}

bool ask_server(const hit_query& asked, int hits, server_search* search) {
  using filter_result = vectors::weaviate_filter::result;
  if (search->filter.is == filter_result::nothing) {
    search->found = {};
    return true;
  }
  weaviate::search_query query;
  query.collection = search->config.collection;
  query.vector_name = search->config.vectors[0].name;
  query.vector = search->numbers;
  if (asked.tenant != nullptr) query.tenant = asked.tenant;
  if (asked.words != nullptr) query.words = asked.words;
  query.alpha = asked.alpha;
  query.limit = hits;
  if (search->filter.is == filter_result::some) query.filter = &search->filter.condition;
  if (asked.words == nullptr && asked.max_distance < std::numeric_limits<double>::infinity())
    query.max_distance = asked.max_distance;
  static const std::string* const key = new std::string("stash_key");
  query.properties = {key, 1};
  query.texts_only = true;
  weaviate::server& server = search->target.server;
  server.timeout_ms = std::min(server.timeout_ms, 10'000);
  search->found =
      weaviate::read_search(server, call_server(weaviate::search_request(server, query)));
  if (search->found.failed.verdict == weaviate::verdict::done) return true;
  const auto cause = search->found.failed.cause;
  if (cause == weaviate::cause::network || cause == weaviate::cause::overloaded)
    down_until = GetCurrentTimestamp() + rest_us;
  return false;
}

const char* key_of(const weaviate::search_hit& hit) {
  Datum parsed = DirectFunctionCall1(jsonb_in, CStringGetDatum(hit.properties.c_str()));
  Jsonb* object = DatumGetJsonbP(parsed);
  JsonbValue value;
  if (getKeyJsonValueFromContainer(&object->root, "stash_key", 9, &value) == nullptr ||
      value.type != jbvString)
    return nullptr;
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

}  // namespace stash

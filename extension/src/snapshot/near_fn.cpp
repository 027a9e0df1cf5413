// SQL entry point memory_weaviate_hits: the snapshots that Weaviate finds nearest to an embedding.
//
// Only their ids come from there; memory_snapshot_search reads the snapshots themselves, applies
// the whole filter and computes the distances, so an answer is the same whoever found it.
#include <limits>

#include "boundary/guard.hpp"
#include "vector/server_search.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

server_search* state = nullptr;

// The ids of the hits. One that is no id of ours keeps its place, for the caller counts them.
Datum ids_of_hits() {
  const std::size_t count = state->found.hits.size();
  auto* ids = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
  for (std::size_t i = 0; i < count; i++) {
    const char* key = key_of(state->found.hits[i]);
    const auto id = weaviate::uuid_from_text(key == nullptr ? "" : key);
    auto* made = static_cast<pg_uuid_t*>(palloc0(sizeof(pg_uuid_t)));
    if (id) std::memcpy(made->data, id->bytes.data(), sizeof made->data);
    ids[i] = UUIDPGetDatum(made);
  }
  return PointerGetDatum(
      construct_array(ids, static_cast<int>(count), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

}  // namespace

// memory_weaviate_hits(collection, embedding, filter, hits)
STASH_FUNCTION(memory_weaviate_hits) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(3)) PG_RETURN_NULL();
  const vectors::embedding_argument embedding =
      vectors::embedding_from(fcinfo->args[1], "embedding");
  const char* collection = text_to_cstring(PG_GETARG_TEXT_PP(0));
  const Oid relation = get_relname_relid("memory_embedding", get_namespace_oid("stash", false));
  delete state;
  state = nullptr;
  state = new server_search;
  if (!load_server_search(relation, collection, "embedding", state) || !server_is_well(*state))
    PG_RETURN_NULL();
  ask_for(embedding, state);
  hit_query query = {};
  query.filter = PG_ARGISNULL(2) ? nullptr : PG_GETARG_JSONB_P(2);
  query.max_distance = std::numeric_limits<double>::infinity();
  translate_filter(query.filter, state);
  if (!ask_server(query, PG_GETARG_INT32(3), state)) PG_RETURN_NULL();
  return ids_of_hits();
}

}  // namespace stash

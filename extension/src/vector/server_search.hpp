// Asking Weaviate for the objects that are nearest to an embedding: the part that searches of
// tables and of memory snapshots share. What comes back is keys; their rows are the caller's to
// read, and the filter, of which the server is told what it can tell, is his to apply again.
#pragma once

#include <string>
#include <vector>

#include "vector/embedding.hpp"
#include "vector/filter_weaviate.hpp"
#include "vector/sync_config.hpp"
#include "vector/target.hpp"
#include "weaviate/search.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// More hits than these no server gives.
inline constexpr int most_hits = 10'000;

struct hit_query {
  const Jsonb* filter;  // nullptr: none
  const char* tenant;   // nullptr: the collection has none
  const char* words;    // nullptr: by the embedding alone
  double alpha;
  double max_distance;
};

// Of one call; lives on the heap, for PostgreSQL's errors run over the stack.
struct server_search {
  sync_config config;
  weaviate_target target;
  std::vector<float> numbers;  // of the embedding; empty: by words alone
  vectors::weaviate_filter filter;
  weaviate::search_result found;  // the last answer
};

// Reads which collection a table feeds (see load_sync_of), and where the server is; false when
// there is none that fits.
bool load_server_search(Oid relation, const char* collection, const char* column,
                        server_search* search);
void ask_for(const vectors::embedding_argument& embedding, server_search* search);

// Whether it is worth asking: the server is known, and was well when it was last seen.
bool server_is_well(const server_search& search);

// How many hits to ask for when so many rows are wanted, and when they were too few. A few more
// than wanted, for rows that are gone; the server looks the longer the more it is asked for. Fewer
// hits than were asked for are all that there are only when it was the most: while many objects are
// being deleted, it comes upon those first, and gives up.
int first_hits(const server_search& search, int wanted);
int more_hits(const server_search& search, int before);

// Translates the filter; before the first call of ask_server.
void translate_filter(const Jsonb* filter, server_search* search);
// False when the server did not answer as it should.
bool ask_server(const hit_query& query, int hits, server_search* search);

// The key that an object carries, palloc'd; nullptr when it is not one of ours.
const char* key_of(const weaviate::search_hit& hit);

}  // namespace stash

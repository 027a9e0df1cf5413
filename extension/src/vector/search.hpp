// Exact search over the embeddings of any relation: the engine that needs nothing beside the
// database. The SQL function is stash.vector_search_local.
//
// It runs with the rights of the present user and under the active snapshot. A plain table is
// scanned without the executor, by parallel workers too where it is large; what has a filter, row
// security, partitions, children or is no table is read by a query that the executor runs for the
// same user. Either way each row costs its embedding's distance, and only rows that belong to the
// nearest so far are copied: memory is bounded by max_rows rows.
#pragma once

#include "vector/embedding.hpp"

#include "boundary/postgres.hpp"

namespace stash::vectors {

constexpr int most_rows = 10'000;

struct search_request {
  Oid relation;
  const char* column;  // of the embeddings
  embedding_argument embedding;
  metric measure;
  int max_rows;                   // 1 to most_rows
  const Jsonb* filter;            // nullptr: all rows
  const char* const* properties;  // names of columns; nullptr: all but the embeddings
  int property_count;
  double max_distance;  // farther rows are left out; infinity: none is
};

struct search_hit {
  Datum id;          // jsonb: {"column": value} of the primary key; 0 when there is none
  Datum properties;  // jsonb, likewise
  double distance;
};

/// The nearest rows, the nearest first, in the present memory context. Rows without an embedding,
/// with one of another size, or with a NaN in it are no hits; other_sizes counts the second kind,
/// up to the first row of the right size.
struct search_result {
  const search_hit* hits;
  int count;
  std::uint64_t of_this_size;
  std::uint64_t of_other_sizes;
};

/// Errors: 42809 not a relation with rows; 42703, 42804 columns; 42501 no right to read; 22023
/// max_rows; those of filters (see filter.hpp). O(rows * dimensions).
search_result search_local(const search_request& request);

}  // namespace stash::vectors

// Embeddings as PostgreSQL has them: arguments of functions, and values of columns of type real[],
// double precision[], or pgvector's vector and halfvec, which are read as they lie in memory.
#pragma once

#include "vector/distance.hpp"

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// More numbers than that are no embedding.
constexpr int most_dimensions = 65'535;

/// The numbers of an argument of type double precision[], in the present memory context. Errors:
/// 22004 NULL or an element that is NULL; 22023 no number, too many, several dimensions, NaN or
/// infinity, or a number that real cannot hold.
struct embedding_argument {
  const double* numbers;
  int size;
};
embedding_argument embedding_from(const NullableDatum& value, const char* name);

/// 22023 for an unknown name, 22004 for NULL.
metric metric_from(const NullableDatum& name);

prepared_query prepare_in_context(metric measure, const embedding_argument& embedding);

/// How the embeddings of a column lie.
enum class layout : std::uint8_t { array, pgvector };
struct embedding_type {
  layout form;
  element kind;
};

/// The column's number. Errors: 42703 no such column, 42804 its type holds no embeddings.
AttrNumber embedding_column(Relation relation, const char* name, embedding_type* type);

/// A stored embedding. `numbers` is nullptr when it has not `size` numbers, or NULL among them.
struct stored_embedding {
  const void* numbers;
  void* copy;  // to be pfree'd unless nullptr
};
stored_embedding read_embedding(Datum value, const embedding_type& type, std::uint32_t size);

}  // namespace stash::vectors

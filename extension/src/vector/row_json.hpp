// Columns of a row as a JSON object, by the rules of to_jsonb.
#pragma once

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// The columns of rows that `whole` describes at these positions, counted from 1. Made once for
/// many rows; lives in the memory context in which it is made.
class row_json {
 public:
  row_json(TupleDesc whole, const int* positions, int count);
  /// `values` and `nulls` are those of the whole row. jsonb.
  [[nodiscard]] Datum of(const Datum* values, const bool* nulls);

 private:
  TupleDesc part_;
  const int* positions_;
  FmgrInfo to_jsonb_;
};

}  // namespace stash::vectors

// Reads the rows of a query as they come out of the executor and keeps the nearest.
#pragma once

#include "vector/filter_catalog.hpp"
#include "vector/row_measure.hpp"

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// Runs the query as the present user under the active snapshot, nothing written. Its first column
/// is the embedding; $1 is `parameters`, a text[], unless that is 0. The nearest rows, sorted, are
/// in `measure`: near_row::row is a HeapTuple of the result, which is described by the value
/// returned. Both live in the present memory context.
TupleDesc scan_query(const char* text, Datum parameters, row_measure* measure);

}  // namespace stash::vectors

// Reads the rows of a query as they come out of the executor and keeps the nearest.
#pragma once

#include "vector/filter_catalog.hpp"
#include "vector/row_measure.hpp"

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// Runs the query as the present user under the active snapshot, nothing written. Its first column
/// is the embedding; the parameters are of type text. The nearest rows, sorted, are in `measure`:
/// near_row::row is a HeapTuple of the result, which is described by the value returned. Both live
/// in the present memory context.
TupleDesc scan_query(const char* text, const char* const* parameters, int parameter_count,
                     row_measure* measure);

}  // namespace stash::vectors

// Scans a plain table without the executor, together with parallel workers where that pays. The
// caller has checked rights, and that neither row security nor children ask for more.
#pragma once

#include "vector/row_measure.hpp"

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// The nearest rows of the table go into `measure`, sorted: near_row::sequence names the row, see
/// row_address(). The query, its type and the limits are the ones that `measure` was made of.
struct table_scan_request {
  Relation table;
  AttrNumber column;
  embedding_type type;
  prepared_query query;
  double max_distance;
  int max_rows;
};
void scan_table(const table_scan_request& request, row_measure* measure);

/// Where the row lies.
ItemPointerData row_address(const near_row& row);

}  // namespace stash::vectors

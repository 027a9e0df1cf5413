// Inserting one row into one of the extension's own tables without the executor: a statement costs
// more than the row. What our own constraints check is true of what session_create makes; a table
// to which somebody has added triggers, constraints or columns is left to the executor.
#pragma once

#include "boundary/postgres.hpp"

namespace stash {

// False, and nothing is done, when the table is not as it was made. The row can be seen by the
// transaction's next look. checks: how many CHECK constraints it was made with. Errors: 25006 in a
// read-only transaction.
bool insert_directly(const char* table, const Datum* values, const bool* nulls, int columns,
                     int checks);

}  // namespace stash

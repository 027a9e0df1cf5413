// Who may change what happens to a table: its owner.
#pragma once

#include "boundary/postgres.hpp"

namespace stash {

// Raises 42P01 for a relation that does not exist, 42501 when it is not the present role's.
void check_table_owner(Oid relation);

}  // namespace stash

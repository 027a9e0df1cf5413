// Where this database is, so that a copy of it can tell that it is one.
#pragma once

#include "boundary/postgres.hpp"

namespace stash {

// The system identifier, the database and the extension's table: other for a dump restored, in the
// same database too, another database made from this one, an upgrade.
const char* this_system();
// The timeline and the data directory: other for a base backup that was started somewhere, and for
// a promoted standby.
const char* this_place();

}  // namespace stash

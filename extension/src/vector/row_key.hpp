// The primary key of a row as text, and the settings under which types print theirs alike.
#pragma once

#include "vector/key_image.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// The columns of a relation's primary key, in its order; at most 32 (INDEX_MAX_KEYS).
struct key_columns {
  int count;  // 0: no primary key that can be used
  AttrNumber numbers[INDEX_MAX_KEYS];
};
key_columns primary_key_of(Relation relation);

// Whether what the type prints depends on settings of the session.
bool prints_by_settings(Oid type);

// ISO dates, UTC, full precision, until leave_key_settings(nest). As postgres_fdw sends values.
int enter_key_settings();
void leave_key_settings(int nest);

}  // namespace stash

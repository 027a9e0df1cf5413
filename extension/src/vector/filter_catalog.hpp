// A filter as a predicate for the columns of a relation.
#pragma once

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// `text` speaks of the relation as `alias`, and of its one parameter, a text[], as $1.
struct sql_predicate {
  const char* text;
  Datum parameters;
};

/// Columns that `hidden` names, a list of C strings ending in nullptr, are no properties. Errors:
/// 22023 malformed, 42703 unknown property, 42804 types that do not fit, 54001 too large.
sql_predicate predicate_for(TupleDesc columns, const Jsonb* filter, const char* alias,
                            const char* const* hidden = nullptr);

}  // namespace stash::vectors

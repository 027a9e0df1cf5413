// A filter as a predicate for the columns of a relation.
#pragma once

#include "boundary/postgres.hpp"

namespace stash::vectors {

/// `text` speaks of the relation as `alias`; its parameters $1, $2, ... are of type text.
struct sql_predicate {
  const char* text;
  const char* const* parameters;
  int parameter_count;
};

/// Columns that `hidden` names, a list of C strings ending in nullptr, are no properties. Errors:
/// 22023 malformed, 42703 unknown property, 42804 types that do not fit, 54001 too large.
sql_predicate predicate_for(TupleDesc columns, const Jsonb* filter, const char* alias,
                            const char* const* hidden = nullptr);

}  // namespace stash::vectors

// Running the query of cache_fetch, and who may be shown its result.
#pragma once

#include <string_view>

#include "boundary/postgres.hpp"

namespace stash {

enum class value_scope : std::uint8_t {
  everybody,
  role,    // row-level security filtered it, by nothing but the role
  nobody,  // row-level security filtered it by something that a cache cannot know, or in a function
};

struct query_result {
  Datum value = 0;  // jsonb, in the caller's memory context
  bool is_null = true;
  value_scope scope = value_scope::everybody;
};

// Runs one SELECT with the elements of the text[] argument as $1, $2, …, converted to the types
// that the query gives them. No row is NULL; more than one is an error (21000); a result that is
// not one jsonb column, too (42804).
query_result run_fetch_query(std::string_view query, FunctionCallInfo fcinfo, int args_index);

void install_fetch_hook();

}  // namespace stash

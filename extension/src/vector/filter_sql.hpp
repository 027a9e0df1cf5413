// Translates a filter into a predicate of SQL with parameters. Core: the columns and their types
// are told by the caller, who has asked the catalogs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vector/filter.hpp"

namespace stash::vectors {

/// How JSON values are compared with a column.
enum class column_class {
  exact_number,  // integers and numeric: as numeric, so that 4.5 lies between 4 and 5
  float_number,  // in the column's own precision
  boolean,
  text,
  json,  // jsonb, and json cast to it
  other  // a string that the type's input function reads: uuid, dates, enums, ...
};

struct filter_column {
  std::string_view name;       // as the filter names it
  std::string_view reference;  // as SQL names it, quoted
  std::string_view type;       // the type of a value, or of a list's element, as SQL names it
  column_class values;
  bool list;  // an array
};

/// The predicate; NULL stands for false. Everything that the filter says beyond its operators goes
/// into `parameters`, which the predicate takes as one parameter of type text[]: parameters[0] is
/// ($1)[1]. Throws filter_error.
std::string filter_predicate(const filter_node& filter, std::span<const filter_column> columns,
                             std::vector<std::string>& parameters);

}  // namespace stash::vectors

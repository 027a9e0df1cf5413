// The filter of a vector search in Weaviate's terms.
//
// The rows that Weaviate finds are looked at again in the table, with the whole filter; so what is
// sent there may let too many objects through, never too few. Where Weaviate's comparison is not
// PostgreSQL's (words of a text, rounded numbers, dates without a zone), a wider one is sent, and
// where none is known, nothing. Under a `not` the same holds the other way round.
//
// | property in Weaviate | what is sent |
// |---|---|
// | int, boolean, uuid, and lists of them | the same condition, exactly |
// | text | equality: the same words; nothing for orders, words that servers skip, or odd characters
// | | number | a range a millionth wider | | date | a range of days that holds for every time zone
// |
//
// Core: no PostgreSQL.
#pragma once

#include <span>
#include <string_view>

#include "vector/filter.hpp"
#include "weaviate/condition.hpp"

namespace stash::vectors {

struct indexed_property {
  std::string_view column;  // as filters call it
  std::string_view name;    // in Weaviate
  std::string_view type;    // in Weaviate: "text", "int[]", …
};

struct weaviate_filter {
  enum class result { everything, nothing, some };
  result is = result::everything;
  bool exact = true;              // the same objects as the filter itself
  weaviate::condition condition;  // of `some`
};

/// Translates a filter. `knows_not`: the dialect can negate. Properties that are not in the list
/// are taken for any value. O(size of the filter × properties); never throws but bad_alloc.
weaviate_filter filter_for_weaviate(const filter_node& filter,
                                    std::span<const indexed_property> properties, bool knows_not);

}  // namespace stash::vectors

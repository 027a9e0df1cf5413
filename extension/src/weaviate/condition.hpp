// Which objects of a collection count, in Weaviate's own terms, and how each dialect writes it.
//
// Seen on 1.39.0: a comparison with a property that has no value is false, and `none_of` makes that
// true; a list matches `equal` when one of its elements does; texts are compared by words, in lower
// case, unless the property's tokenization is "field"; an integer property takes integers only; a
// list of conditions or values must not be empty, and nobody writes one here.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace stash::weaviate {

enum class match : std::uint8_t {
  equal,
  not_equal,  // true also where there is no value
  less,
  less_equal,
  greater,
  greater_equal,
  contains_any,
  contains_all,
  is_null,  // needs indexNullState in the collection; one value, "true" or "false"
};

// How values are written. Dates and UUIDs are texts.
enum class value_kind : std::uint8_t { text, integer, number, boolean };

struct condition {
  enum class kind : std::uint8_t { all_of, any_of, none_of, compare };
  kind is = kind::compare;
  std::vector<condition> parts;  // of all_of, any_of and none_of: at least one

  // Of a comparison.
  std::string property;
  match how = match::equal;
  value_kind values_are = value_kind::text;
  std::vector<std::string> values;  // at least one; numbers as JSON has them
};

// `filters` of Connect's Search, BatchDelete and Aggregate.
nlohmann::json connect_filter(const condition& condition);

// `where` of GraphQL, as its text. Servers that need this dialect may not know none_of, so it must
// not be in there: see has_none_of.
std::string graphql_filter(const condition& condition);

bool has_none_of(const condition& condition);

}  // namespace stash::weaviate

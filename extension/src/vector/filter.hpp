// The filter of a vector search: JSON that says which rows count. docs/search.md defines it.
//
// Core: parses the text into a tree, which an engine translates into its own language (filter_sql
// for the local one). The tree has no duplicate, empty or unknown parts: an engine only has to look
// whether it knows the properties and can compare their types.
//
// Two-valued: a comparison with a value that is not there is false, and `not` makes that true.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stash::vectors {

/// Why a filter cannot be used. what() is the message; `hint` may be empty.
class filter_error : public std::runtime_error {
 public:
  enum class reason {
    malformed,   // 22023
    unknown,     // 42703: no such property
    mismatched,  // 42804: the property's type cannot be compared like that
    too_large    // 54001
  };
  filter_error(reason why, const std::string& message, std::string hint_text = {})
      : std::runtime_error(message), why_(why), hint_(std::move(hint_text)) {}
  [[nodiscard]] reason why() const { return why_; }
  [[nodiscard]] const std::string& hint() const { return hint_; }

 private:
  reason why_;
  std::string hint_;
};

struct filter_value {
  enum class kind { text, number, boolean, null };
  kind is;
  std::string text;  // the characters of a text, the digits of a number as given, "true", "false"
};

enum class comparison {
  equal,      // values: one; null: it is not there
  not_equal,  // values: one; true where `equal` is false
  less,       // values: one text or number, as for the next three
  less_equal,
  greater,
  greater_equal,
  in,            // values: any number; equal to one of them
  contains_any,  // of a list: has one of the values
  contains_all,  // of a list: has all of the values
  contains_json  // of jsonb: contains `json`, as operator @> says
};

struct filter_node {
  enum class kind { all_of, any_of, none_of, compare };
  kind is = kind::all_of;
  std::vector<filter_node> parts;  // of all_of, any_of and none_of; all_of nothing is true

  std::string property;
  comparison how = comparison::equal;
  std::vector<filter_value> values;
  std::string json;
};

/// Parses a filter; throws filter_error. O(size); at most 32 levels and 10,000 values deep.
filter_node parse_filter(std::string_view json);

/// A value as JSON.
std::string json_of(const filter_value& value);

}  // namespace stash::vectors

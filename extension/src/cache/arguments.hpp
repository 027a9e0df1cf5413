// Reading and checking the arguments of the cache_* functions: every bad one gets its SQLSTATE, and
// a hint where one helps. Nothing here changes anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"

struct FunctionCallInfoBaseData;

namespace stash {

// Raises 22004.
[[noreturn]] void report_null(const char* name);

// 22004 when NULL.
std::string_view text_argument(FunctionCallInfoBaseData* fcinfo, int index, const char* name);
// The namespace, always the last argument; opens the store (55000, 42704, 42501).
space_index namespace_argument(FunctionCallInfoBaseData* fcinfo, int index);
key_ref key_argument(FunctionCallInfoBaseData* fcinfo, int index, space_index space);
key_ref checked_key(std::string_view text, space_index space);
void check_value_size(std::size_t size);

// Seconds from now; NULL: the namespace's default; 'infinity': never. 22023 unless positive.
timestamp expiry_argument(FunctionCallInfoBaseData* fcinfo, int index, space_index space);
double positive_seconds(FunctionCallInfoBaseData* fcinfo, int index, const char* name);
// NULL: the default. 22023 when negative.
std::int64_t count_argument(FunctionCallInfoBaseData* fcinfo, int index, const char* name,
                            std::int64_t standard);

// Tags of a value, encoded, with their ids and those of their classes. Lives as long as the
// backend: one function call at a time uses it.
struct tag_set {
  std::string encoded;
  std::vector<tag_id> ids;
  std::size_t count = 0;
};
const tag_set& tags_argument(FunctionCallInfoBaseData* fcinfo, int index, space_index space);
void check_tag(std::string_view tag);

// The elements of a text[] argument, palloc'd; NULL elements are an error (22004).
struct text_list {
  std::string_view* items;
  int count;
};
text_list text_array_argument(FunctionCallInfoBaseData* fcinfo, int index, const char* name);

// "t-nonce", as cache_get_lease gives it out. 22023 when malformed.
struct lease_text {
  timestamp read_at;
  std::uint64_t nonce;
};
lease_text parse_lease(std::string_view text);

}  // namespace stash

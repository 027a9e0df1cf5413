// See arguments.hpp.
#include "cache/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "boundary/settings.hpp"
#include "cache/namespaces.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Beyond this many seconds an entry does not expire in anybody's lifetime.
constexpr double longest_ttl = 1e10;

std::string_view view(const text* value) {
  return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

void add_id(std::vector<tag_id>& ids, const tag_id& id) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

}  // namespace

void report_null(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name),
                  errhint("Pass a value, or leave the argument out where it has a default.")));
  pg_unreachable();
}

std::string_view text_argument(FunctionCallInfo fcinfo, int index, const char* name) {
  if (PG_ARGISNULL(index)) report_null(name);
  return view(PG_GETARG_TEXT_PP(index));
}

space_index namespace_argument(FunctionCallInfo fcinfo, int index) {
  (void)shared_store();
  check_prepared_at_start();
  return resolve_namespace(PG_ARGISNULL(index) ? std::string_view(default_namespace)
                                               : view(PG_GETARG_TEXT_PP(index)));
}

key_ref checked_key(std::string_view text, space_index space) {
  if (text.empty())
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("key must not be empty"),
                    errhint("A key has 1 to %zu bytes.", max_key_size)));
  if (text.size() > max_key_size)
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("key is too long: %zu bytes, at most %zu are allowed", text.size(),
                           max_key_size),
                    errhint("Use a hash of a long key.")));
  const store& owner = shared_store();
  const key_ref key = owner.key(space, text);
  // On the way while the other arguments are read.
  owner.prefetch_bucket(key);
  owner.prefetch_stamp(key);
  return key;
}

key_ref key_argument(FunctionCallInfo fcinfo, int index, space_index space) {
  return checked_key(text_argument(fcinfo, index, "key"), space);
}

void check_value_size(std::size_t size) {
  const std::size_t limit = static_cast<std::size_t>(settings::max_value_kb) << 10;
  if (size > limit)
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("value is too large: %zu bytes, at most %zu are allowed", size, limit),
                    errhint("The limit is the setting stash.max_value_size.")));
}

double positive_seconds(FunctionCallInfo fcinfo, int index, const char* name) {
  const double seconds = PG_GETARG_FLOAT8(index);
  if (std::isnan(seconds) || seconds <= 0)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s must be a positive number of seconds", name),
                    errhint("NULL stands for the default, 'infinity' for never.")));
  return seconds;
}

timestamp expiry_argument(FunctionCallInfo fcinfo, int index, space_index space) {
  const timestamp now = GetCurrentTimestamp();
  if (PG_ARGISNULL(index)) return namespace_expiry(space, now);
  const double seconds = positive_seconds(fcinfo, index, "ttl");
  if (seconds >= longest_ttl) return never;
  // At least a microsecond: a positive TTL is not an expired one.
  return now + Max(static_cast<timestamp>(seconds * microseconds_per_second), 1);
}

std::int64_t count_argument(FunctionCallInfo fcinfo, int index, const char* name,
                            std::int64_t standard) {
  if (PG_ARGISNULL(index)) return standard;
  const std::int64_t value = PG_GETARG_INT32(index);
  if (value < 0)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be negative", name),
             errhint("NULL stands for %d.", static_cast<int>(standard))));
  return value;
}

void check_tag(std::string_view tag) {
  if (tag.empty())
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tag must not be empty"),
                    errhint("A tag has 1 to %zu bytes.", max_tag_size)));
  if (tag.size() > max_tag_size)
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("tag is too long: %zu bytes, at most %zu are allowed", tag.size(),
                           max_tag_size),
                    errhint("Use a hash of a long tag.")));
}

text_list text_array_argument(FunctionCallInfo fcinfo, int index, const char* name) {
  if (PG_ARGISNULL(index)) report_null(name);
  Datum* elements = nullptr;
  bool* nulls = nullptr;
  text_list list{nullptr, 0};
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(index), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                    &nulls, &list.count);
  list.items = static_cast<std::string_view*>(
      palloc(sizeof(std::string_view) * static_cast<std::size_t>(Max(list.count, 1))));
  for (int i = 0; i < list.count; i++) {
    if (nulls[i])
      ereport(ERROR,
              (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain null", name),
               errhint("Leave the nulls out: array_remove(…, NULL).")));
    list.items[i] = view(DatumGetTextPP(elements[i]));
  }
  return list;
}

const tag_set& tags_argument(FunctionCallInfo fcinfo, int index, space_index space) {
  static tag_set* tags = new tag_set;
  tags->encoded.clear();
  tags->ids.clear();
  tags->count = 0;
  if (PG_ARGISNULL(index)) return *tags;
  const text_list list = text_array_argument(fcinfo, index, "tags");
  if (list.count > static_cast<int>(max_tags))
    ereport(ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("too many tags: %d, at most %zu are allowed", list.count, max_tags),
             errhint("Use coarser tags: invalidating user:* reaches all that begin with user:.")));
  for (int i = 0; i < list.count; i++) check_tag(list.items[i]);
  const store& owner = shared_store();
  for (int i = 0; i < list.count; i++) {
    const tag_id id = owner.tag(space, list.items[i]);
    if (std::find(tags->ids.begin(), tags->ids.end(), id) == tags->ids.end()) {
      append_tag(tags->encoded, list.items[i]);
      tags->count++;
    }
    add_id(tags->ids, id);
    const std::string whole = class_of(list.items[i]);
    if (!whole.empty()) add_id(tags->ids, owner.tag(space, whole));
  }
  return *tags;
}

lease_text parse_lease(std::string_view text) {
  lease_text lease{0, 0};
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, lease.read_at, 16);
  bool valid = first.ec == std::errc() && first.ptr < end && *first.ptr == '-';
  if (valid) {
    const auto second = std::from_chars(first.ptr + 1, end, lease.nonce, 16);
    valid = second.ec == std::errc() && second.ptr == end && lease.nonce != 0;
  }
  if (!valid)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("malformed lease"),
                    errhint("Pass the lease exactly as cache_get_lease returned it.")));
  return lease;
}

}  // namespace stash

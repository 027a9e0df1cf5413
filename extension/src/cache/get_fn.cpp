// SQL entry points that read: cache_get, cache_get_bytes, cache_get_many, cache_get_entry,
// cache_exists.
#include <string>

#include "boundary/guard.hpp"
#include "cache/access.hpp"
#include "cache/arguments.hpp"
#include "cache/rows.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

const char* kind_name(value_kind kind) {
  switch (kind) {
    case value_kind::bytes:
      return "bytes";
    case value_kind::counter:
      return "counter";
    default:
      return "jsonb";
  }
}

Datum tags_array(std::string_view encoded) {
  Datum items[max_tags];
  int count = 0;
  each_tag(encoded, [&](std::string_view tag) {
    items[count++] =
        PointerGetDatum(cstring_to_text_with_len(tag.data(), static_cast<int>(tag.size())));
  });
  return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
}

}  // namespace

STASH_FUNCTION(cache_get) {
  const space_index space = namespace_argument(fcinfo, 1);
  const cached_value value = read_cached(key_argument(fcinfo, 0, space));
  if (!value.found) PG_RETURN_NULL();
  return jsonb_of(value);
}

STASH_FUNCTION(cache_get_bytes) {
  const space_index space = namespace_argument(fcinfo, 1);
  const cached_value value = read_cached(key_argument(fcinfo, 0, space));
  if (!value.found) PG_RETURN_NULL();
  if (value.info.kind != value_kind::bytes)
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("the key holds %s, not bytes", kind_name(value.info.kind)),
                    errhint("Read it with stash.cache_get.")));
  PG_RETURN_BYTEA_P(value.value);
}

STASH_FUNCTION(cache_get_many) {
  const space_index space = namespace_argument(fcinfo, 1);
  const text_list keys = text_array_argument(fcinfo, 0, "keys");
  if (keys.count == 0) return PointerGetDatum(construct_empty_array(JSONBOID));
  const auto size = static_cast<std::size_t>(keys.count);
  auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * size));
  auto* misses = static_cast<bool*>(palloc(sizeof(bool) * size));
  for (int i = 0; i < keys.count; i++) {
    if (i % 1024 == 0) CHECK_FOR_INTERRUPTS();
    const cached_value value = read_cached(checked_key(keys.items[i], space));
    misses[i] = !value.found;
    values[i] = value.found ? jsonb_of(value) : 0;
  }
  int dimensions[1] = {keys.count};
  int bounds[1] = {1};
  return PointerGetDatum(
      construct_md_array(values, misses, 1, dimensions, bounds, JSONBOID, -1, false, TYPALIGN_INT));
}

STASH_FUNCTION(cache_get_entry) {
  const space_index space = namespace_argument(fcinfo, 1);
  const cached_value value = read_cached(key_argument(fcinfo, 0, space), true);
  row_set rows(fcinfo);
  if (!value.found) return 0;
  Datum columns[7];
  bool nulls[7] = {};
  columns[0] = CStringGetTextDatum(kind_name(value.info.kind));
  nulls[1] = value.info.kind == value_kind::bytes;
  columns[1] = nulls[1] ? 0 : jsonb_of(value);
  columns[2] = Int64GetDatum(value.info.version);
  columns[3] = tags_array(value.tags);
  nulls[4] = nulls[5] = value.info.expires_at == never;
  columns[4] = TimestampTzGetDatum(value.info.expires_at);
  columns[5] = Float8GetDatum(static_cast<double>(value.info.expires_at - GetCurrentTimestamp()) /
                              microseconds_per_second);
  columns[6] = Int64GetDatum(value.info.hits);
  rows.add(columns, nulls);
  return 0;
}

STASH_FUNCTION(cache_exists) {
  const space_index space = namespace_argument(fcinfo, 1);
  PG_RETURN_BOOL(is_cached(key_argument(fcinfo, 0, space)));
}

}  // namespace stash

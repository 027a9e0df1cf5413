// SQL entry points that read: cache_get, cache_get_bytes, cache_get_many, cache_get_entry,
// cache_exists.
#include <string>

#include "boundary/guard.hpp"
#include "boundary/heap.hpp"
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

// A one-dimensional jsonb[] that grows as its elements come, NULLs allowed: construct_md_array
// would copy everything once more.
class jsonb_array {
 public:
  explicit jsonb_array(int count) {
    used_ = static_cast<std::size_t>(ARR_OVERHEAD_WITHNULLS(1, count));
    capacity_ = used_ + static_cast<std::size_t>(count) * 320;
    data_ = static_cast<ArrayType*>(palloc(capacity_));
    std::memset(data_, 0, used_);
    data_->ndim = 1;
    data_->dataoffset = static_cast<int32>(used_);
    data_->elemtype = JSONBOID;
    ARR_DIMS(data_)[0] = count;
    ARR_LBOUND(data_)[0] = 1;
  }

  // Elements come in order; nullptr is NULL.
  void set(int index, const varlena* value) {
    if (value == nullptr) return;
    const std::size_t size = VARSIZE(value);
    const std::size_t padded = INTALIGN(size);
    if (used_ + padded > capacity_) grow(padded);
    auto* to = reinterpret_cast<char*>(data_) + used_;
    std::memcpy(to, value, size);
    std::memset(to + size, 0, padded - size);
    auto* present = reinterpret_cast<bits8*>(ARR_LBOUND(data_) + ARR_NDIM(data_));
    present[index / 8] |= static_cast<bits8>(1 << (index % 8));
    used_ += padded;
  }

  Datum finish() {
    if (used_ > MaxAllocSize)
      ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                      errmsg("the values are too large for one array"),
                      errhint("Ask for fewer keys at a time.")));
    SET_VARSIZE(data_, used_);
    return PointerGetDatum(data_);
  }

 private:
  void grow(std::size_t more) {
    capacity_ = 2 * (capacity_ + more);
    data_ = static_cast<ArrayType*>(repalloc_huge(data_, capacity_));
  }

  ArrayType* data_;
  std::size_t used_;
  std::size_t capacity_;
};

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
  keep_heap_between_statements();
  const auto size = static_cast<std::size_t>(keys.count);
  auto* refs = static_cast<key_ref*>(palloc(sizeof(key_ref) * size));
  for (int i = 0; i < keys.count; i++) refs[i] = checked_key(keys.items[i], space);
  jsonb_array result(keys.count);
  for (int i = 0; i < keys.count; i++) {
    if (i % 1024 == 0) CHECK_FOR_INTERRUPTS();
    prefetch_ahead(refs, i, keys.count);
    const cached_value value = read_cached(refs[i]);
    result.set(
        i, value.found ? reinterpret_cast<varlena*>(DatumGetPointer(jsonb_of(value))) : nullptr);
    if (value.found) pfree(value.value);
  }
  return result.finish();
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

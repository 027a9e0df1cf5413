// See arguments.hpp.
#include "snapshot/arguments.hpp"

#include <cmath>

#include "cache/arguments.hpp"
#include "session/arguments.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

constexpr int longest_label = 255;
constexpr int most_tags = 64;
constexpr int most_dimensions = 16384;
constexpr std::size_t largest_metadata = std::size_t{1} << 20;

}  // namespace

Datum label_argument(FunctionCallInfo fcinfo, int index, const char* name) {
  const text* value = short_text_argument(fcinfo, index, name, longest_label);
  if (value == nullptr) report_null(name);
  if (VARSIZE_ANY_EXHDR(value) == 0)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", name),
                    errhint("It has 1 to %d bytes.", longest_label)));
  return PointerGetDatum(value);
}

argument tags_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return sql_null;
  const text_list list = text_array_argument(fcinfo, index, "tags");
  if (list.count > most_tags)
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("too many tags: %d, at most %d are allowed", list.count, most_tags)));
  for (int i = 0; i < list.count; i++) {
    if (list.items[i].empty())
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tag must not be empty")));
    if (list.items[i].size() > longest_label)
      ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                      errmsg("a tag must not be longer than %d bytes", longest_label)));
  }
  std::sort(list.items, list.items + list.count);
  const auto count =
      static_cast<int>(std::unique(list.items, list.items + list.count) - list.items);
  if (count == 0) return sql_null;
  Datum items[most_tags];
  for (int i = 0; i < count; i++)
    items[i] = PointerGetDatum(
        cstring_to_text_with_len(list.items[i].data(), static_cast<int>(list.items[i].size())));
  return {PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT))};
}

argument metadata_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return sql_null;
  Jsonb* metadata = PG_GETARG_JSONB_P(index);
  if (!JB_ROOT_IS_OBJECT(metadata))
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("metadata must be a JSON object")));
  if (VARSIZE(metadata) > largest_metadata)
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("metadata must not be larger than 1 MB"),
                    errhint("What is large belongs in the content, where versions share it.")));
  if (JB_ROOT_COUNT(metadata) == 0) return sql_null;
  return {JsonbPGetDatum(metadata)};
}

argument embedding_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return sql_null;
  ArrayType* given = PG_GETARG_ARRAYTYPE_P(index);
  const int count = ArrayGetNItems(ARR_NDIM(given), ARR_DIMS(given));
  if (ARR_NDIM(given) != 1 || count < 1 || count > most_dimensions)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("an embedding must have one dimension of 1 to %d numbers", most_dimensions)));
  if (array_contains_nulls(given))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("an embedding must not contain null")));
  const auto* numbers = reinterpret_cast<const float8*>(ARR_DATA_PTR(given));
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(count)));
  for (int i = 0; i < count; i++) {
    const auto single = static_cast<float4>(numbers[i]);
    if (!std::isfinite(single))
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("an embedding must consist of finite numbers in the range of real"),
                      errdetail("Number %d is %g.", i + 1, numbers[i])));
    items[i] = Float4GetDatum(single);
  }
  return {PointerGetDatum(
      construct_array(items, count, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT))};
}

argument note_argument(FunctionCallInfo fcinfo, int index) {
  constexpr int longest = 1024;
  const text* note = short_text_argument(fcinfo, index, "note", longest);
  return note == nullptr ? sql_null : argument{PointerGetDatum(note)};
}

}  // namespace stash::memory

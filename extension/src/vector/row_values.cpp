// See row_values.hpp.
#include "vector/row_values.hpp"

#include <cmath>
#include <span>

#include "weaviate/utf8.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
}

namespace stash {
namespace {

using weaviate::property;
using weaviate::property_type;

constexpr std::int64_t largest_exact = std::int64_t{1} << 53;

template <typename Item>
Item* array_of(int count) {
  return static_cast<Item*>(palloc(sizeof(Item) * static_cast<std::size_t>(Max(count, 1))));
}

const char* integer_value(std::int64_t value, std::int64_t* result) {
  if (value > largest_exact || value < -largest_exact)
    return "an integer is beyond 2^53, which Weaviate cannot hold exactly";
  *result = value;
  return nullptr;
}

const char* number_value(double value, double* result) {
  if (!std::isfinite(value)) return "a number is NaN or infinite";
  *result = value;
  return nullptr;
}

// RFC 3339: four digits of the year and a zone.
const char* date_value(Datum value, Oid type, std::string_view* result) {
  static constexpr const char* beyond = "a date is outside the years 1 to 9999";
  if (type == DATEOID ? DATE_NOT_FINITE(DatumGetDateADT(value))
                      : TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
    return beyond;
  auto* buffer = static_cast<char*>(palloc(MAXDATELEN + 16));
  const int utc = 0;
  if (type == TIMESTAMPTZOID)
    JsonEncodeDateTime(buffer, value, type, &utc);
  else
    JsonEncodeDateTime(buffer, value, type, nullptr);
  if (buffer[4] != '-' || std::strstr(buffer, "BC") != nullptr ||
      std::strncmp(buffer, "0000", 4) == 0)
    return beyond;
  if (type == DATEOID) (void)strlcat(buffer, "T00:00:00Z", MAXDATELEN + 16);
  if (type == TIMESTAMPOID) (void)strlcat(buffer, "Z", MAXDATELEN + 16);
  *result = buffer;
  return nullptr;
}

const char* text_value(Datum value, Oid type, std::string_view* result) {
  Oid output = InvalidOid;
  bool variable = false;
  getTypeOutputInfo(type, &output, &variable);
  const char* printed = OidOutputFunctionCall(output, value);
  return utf8_text(printed, std::strlen(printed), result);
}

// One value that is no array; `type` is no domain.
const char* scalar(Datum value, Oid type, property* into) {
  switch (type) {
    case INT2OID:
      into->type = property_type::integer;
      return integer_value(DatumGetInt16(value), &into->integer);
    case INT4OID:
      into->type = property_type::integer;
      return integer_value(DatumGetInt32(value), &into->integer);
    case INT8OID:
      into->type = property_type::integer;
      return integer_value(DatumGetInt64(value), &into->integer);
    case FLOAT4OID:
      into->type = property_type::number;
      return number_value(DatumGetFloat4(value), &into->number);
    case FLOAT8OID:
      into->type = property_type::number;
      return number_value(DatumGetFloat8(value), &into->number);
    case NUMERICOID:
      into->type = property_type::number;
      return number_value(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)),
                          &into->number);
    case BOOLOID:
      into->type = property_type::boolean;
      into->boolean = DatumGetBool(value);
      return nullptr;
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      into->type = property_type::date;
      return date_value(value, type, &into->text);
    case UUIDOID:
      into->type = property_type::uuid;
      return text_value(value, type, &into->text);
    default:
      into->type = property_type::text;
      return text_value(value, type, &into->text);
  }
}

// Gathers scalars of one type as a list.
template <typename Item>
std::span<const Item> gather(const property* items, int count, Item property::*member) {
  Item* list = array_of<Item>(count);
  for (int i = 0; i < count; i++) list[i] = items[i].*member;
  return {list, static_cast<std::size_t>(count)};
}

property_type scalar_type(Oid element) {
  switch (element) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
      return property_type::integer;
    case FLOAT4OID:
    case FLOAT8OID:
    case NUMERICOID:
      return property_type::number;
    case BOOLOID:
      return property_type::boolean;
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      return property_type::date;
    case UUIDOID:
      return property_type::uuid;
    default:
      return property_type::text;
  }
}

void set_list(property* into, const property* items, int count, Oid element) {
  const property_type type = scalar_type(element);
  into->type = static_cast<property_type>(static_cast<int>(type) +
                                          static_cast<int>(property_type::text_array));
  switch (type) {
    case property_type::integer:
      into->integers = gather(items, count, &property::integer);
      break;
    case property_type::number:
      into->numbers = gather(items, count, &property::number);
      break;
    case property_type::boolean:
      into->booleans = gather(items, count, &property::boolean);
      break;
    default:
      into->texts = gather(items, count, &property::text);
      break;
  }
}

const char* list_value(Datum value, Oid element, property* into) {
  ArrayType* array = DatumGetArrayTypeP(value);
  int16 length = 0;
  bool by_value = false;
  char align = 'i';
  get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
  Datum* values = nullptr;
  bool* nulls = nullptr;
  int count = 0;
  deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &values, &nulls, &count);
  property* items = array_of<property>(count);
  for (int i = 0; i < count; i++) {
    if (nulls[i]) return "an array has NULL elements";
    items[i] = property();
    if (const char* fault = scalar(values[i], element, &items[i])) return fault;
  }
  set_list(into, items, count, element);
  return nullptr;
}

}  // namespace

const char* utf8_text(const char* text, std::size_t size, std::string_view* result) {
  static constexpr const char* broken = "a text is not valid in UTF-8";
  if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII) {
    *result = {text, size};
    return weaviate::is_utf8(*result) ? nullptr : broken;
  }
  *result = pg_server_to_any(text, static_cast<int>(size), PG_UTF8);
  return nullptr;
}

const char* database_text(std::string_view utf8) {
  if (utf8.find('\0') != std::string_view::npos) return "";
  char* source = pnstrdup(utf8.data(), utf8.size());
  const int encoding = GetDatabaseEncoding();
  if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII) return source;
  const Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
  if (!OidIsValid(conversion)) return "";
  const int size = static_cast<int>(utf8.size());
  const int room = size * MAX_CONVERSION_GROWTH + 1;
  auto* text = static_cast<unsigned char*>(palloc(static_cast<std::size_t>(room)));
  const int done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
                                                 reinterpret_cast<unsigned char*>(source), size,
                                                 text, room, true);
  return done == size ? reinterpret_cast<const char*>(text) : "";
}

const char* property_value(Datum value, Oid type, property* into) {
  const Oid base = getBaseType(type);
  const Oid element = get_element_type(base);
  return OidIsValid(element) ? list_value(value, getBaseType(element), into)
                             : scalar(value, base, into);
}

const char* vector_value(Datum value, Oid type, std::span<const float>* result) {
  ArrayType* array = DatumGetArrayTypeP(value);
  if (array_contains_nulls(array)) return "the embedding has NULL elements";
  const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
  if (count == 0) return "the embedding is empty";
  auto* floats = array_of<float>(count);
  const char* data = ARR_DATA_PTR(array);
  const bool doubles = getBaseType(type) == FLOAT8ARRAYOID;
  for (int i = 0; i < count; i++) {
    floats[i] = doubles ? static_cast<float>(reinterpret_cast<const double*>(data)[i])
                        : reinterpret_cast<const float*>(data)[i];
    if (!std::isfinite(floats[i])) return "the embedding has NaN or infinite elements";
  }
  *result = {floats, static_cast<std::size_t>(count)};
  return nullptr;
}

}  // namespace stash

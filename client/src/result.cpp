// See stash/result.hpp.
#include "stash/result.hpp"

#include <libpq-fe.h>

#include <bit>
#include <cstdlib>

#include "stash/error.hpp"
#include "wire.hpp"

namespace stash {
namespace {

enum : unsigned {
  boolean_type = 16,
  int8_type = 20,
  int2_type = 21,
  int4_type = 23,
  json_type = 114,
  float4_type = 700,
  float8_type = 701,
  timestamptz_type = 1184,
  jsonb_type = 3802,
};

std::string column_text(const PGresult* rows, int column) {
  const char* name = PQfname(rows, column);
  return name == nullptr ? std::to_string(column) : std::string(name);
}

[[noreturn]] void throw_type(const PGresult* rows, int column, const char* wanted) {
  throw usage_error("column \"" + column_text(rows, column) + "\" is not " + wanted +
                    " (its type has OID " + std::to_string(PQftype(rows, column)) + ")");
}

}  // namespace

void result::free(PGresult* rows) { PQclear(rows); }

int result::rows() const { return PQntuples(rows_.get()); }
int result::columns() const { return PQnfields(rows_.get()); }

std::int64_t result::affected() const {
  return std::strtoll(PQcmdTuples(rows_.get()), nullptr, 10);
}

bool result::is_null(int row, int column) const {
  return PQgetisnull(rows_.get(), row, column) != 0;
}

std::string_view result::raw(int row, int column) const {
  return {PQgetvalue(rows_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(rows_.get(), row, column))};
}

std::string_view result::checked(int row, int column, unsigned type) const {
  if (row < 0 || row >= rows() || column < 0 || column >= columns())
    throw usage_error("no such row or column");
  if (type != 0 && PQftype(rows_.get(), column) != type)
    throw_type(rows_.get(), column, "of the type asked for");
  if (is_null(row, column))
    throw usage_error("column \"" + column_text(rows_.get(), column) + "\" is null");
  return raw(row, column);
}

std::int64_t result::integer(int row, int column) const {
  const std::string_view bytes = checked(row, column, 0);
  switch (PQftype(rows_.get(), column)) {
    case int8_type:
      return wire::get<std::int64_t>(bytes);
    case int4_type:
      return wire::get<std::int32_t>(bytes);
    case int2_type:
      return wire::get<std::int16_t>(bytes);
    default:
      throw_type(rows_.get(), column, "an integer");
  }
}

double result::number(int row, int column) const {
  const std::string_view bytes = checked(row, column, 0);
  switch (PQftype(rows_.get(), column)) {
    case float8_type:
      return std::bit_cast<double>(wire::get<std::uint64_t>(bytes));
    case float4_type:
      return std::bit_cast<float>(wire::get<std::uint32_t>(bytes));
    default:
      return static_cast<double>(integer(row, column));
  }
}

bool result::boolean(int row, int column) const {
  return checked(row, column, boolean_type)[0] != 0;
}

std::string result::text(int row, int column) const { return std::string(checked(row, column, 0)); }

std::string_view json_text_of(std::string_view binary) {
  if (!binary.empty() && binary[0] == 1) binary.remove_prefix(1);
  return binary;
}

std::string_view result::json_text(int row, int column) const {
  const std::string_view bytes = checked(row, column, 0);
  const unsigned type = PQftype(rows_.get(), column);
  if (type == jsonb_type) return json_text_of(bytes);
  if (type == json_type) return bytes;
  throw_type(rows_.get(), column, "json");
}

json result::document(int row, int column) const { return json::parse(json_text(row, column)); }

time_point result::moment(int row, int column) const {
  return wire::from_postgres(wire::get<std::int64_t>(checked(row, column, timestamptz_type)));
}

std::string result::uuid(int row, int column) const {
  static const char digits[] = "0123456789abcdef";
  const std::string_view bytes = checked(row, column, uuid_type);
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(digits[static_cast<unsigned char>(bytes[i]) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(bytes[i]) & 15]);
  }
  return text;
}

std::vector<std::optional<std::string_view>> result::elements(int row, int column) const {
  std::string_view bytes = checked(row, column, 0);
  const auto take = [&] {
    if (bytes.size() < 4) throw_type(rows_.get(), column, "an array");
    const auto number = wire::get<std::int32_t>(bytes);
    bytes.remove_prefix(4);
    return number;
  };
  const std::int32_t dimensions = take();
  (void)take();  // whether there are NULLs
  (void)take();  // the elements' type
  std::vector<std::optional<std::string_view>> found;
  if (dimensions == 0) return found;
  if (dimensions != 1) throw_type(rows_.get(), column, "an array of one dimension");
  const std::int32_t count = take();
  (void)take();  // the first index
  found.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; i++) {
    const std::int32_t size = take();
    if (size < 0) {
      found.emplace_back();
      continue;
    }
    found.emplace_back(bytes.substr(0, static_cast<std::size_t>(size)));
    bytes.remove_prefix(std::min(bytes.size(), static_cast<std::size_t>(size)));
  }
  return found;
}

}  // namespace stash

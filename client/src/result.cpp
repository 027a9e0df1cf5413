// See stash/result.hpp.
#include "stash/result.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include "result_store.hpp"
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

}  // namespace

// Columns, then cells row by row, then the bytes of names and values stand behind it.
struct result::packed_rows {
  struct column {
    unsigned type;
    std::uint32_t name;
    std::uint32_t name_length;
  };
  struct cell {
    std::uint32_t at;
    std::int32_t length;  // −1: NULL
  };

  [[nodiscard]] column* columns_begin() { return reinterpret_cast<column*>(this + 1); }
  [[nodiscard]] cell* cells_begin() { return reinterpret_cast<cell*>(columns_begin() + columns); }
  [[nodiscard]] char* bytes() {
    return reinterpret_cast<char*>(cells_begin() + std::size_t(rows) * std::size_t(columns));
  }
  [[nodiscard]] cell& at(int row, int column) { return cells_begin()[row * columns + column]; }

  std::int64_t affected;
  int rows;
  int columns;
};

void result::deleter::operator()(PGresult* rows) const { PQclear(rows); }

void result::pack(detail::result_store& store, std::size_t left) {
  constexpr std::size_t largest = 16'384;
  if (rows_ == nullptr || PQresultMemorySize(rows_.get()) > largest) return;
  const PGresult* given = rows_.get();
  const int rows = PQntuples(given);
  const int columns = PQnfields(given);
  std::size_t size = sizeof(packed_rows);
  for (int i = 0; i < columns; i++)
    size += sizeof(packed_rows::column) + std::strlen(PQfname(given, i));
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < columns; i++)
      size += sizeof(packed_rows::cell) + static_cast<std::size_t>(PQgetlength(given, row, i));

  std::shared_ptr<char> place = store.place(size, left);
  auto* made = new (place.get()) packed_rows{affected(), rows, columns};
  std::uint32_t end = 0;
  const auto copy = [&](const char* bytes, std::size_t length) {
    std::memcpy(made->bytes() + end, bytes, length);
    const std::uint32_t begin = end;
    end += static_cast<std::uint32_t>(length);
    return begin;
  };
  for (int i = 0; i < columns; i++) {
    const std::size_t length = std::strlen(PQfname(given, i));
    made->columns_begin()[i] = {PQftype(given, i), copy(PQfname(given, i), length),
                                static_cast<std::uint32_t>(length)};
  }
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < columns; i++) {
      const int length = PQgetisnull(given, row, i) != 0 ? -1 : PQgetlength(given, row, i);
      made->at(row, i) = {
          copy(PQgetvalue(given, row, i), static_cast<std::size_t>(std::max(length, 0))), length};
    }
  packed_ = std::shared_ptr<packed_rows>(std::move(place), made);
  rows_.reset();
}

int result::rows() const { return packed_ ? packed_->rows : PQntuples(rows_.get()); }
int result::columns() const { return packed_ ? packed_->columns : PQnfields(rows_.get()); }

std::int64_t result::affected() const {
  return packed_ ? packed_->affected : std::strtoll(PQcmdTuples(rows_.get()), nullptr, 10);
}

bool result::is_null(int row, int column) const {
  if (!packed_) return PQgetisnull(rows_.get(), row, column) != 0;
  const bool there = row >= 0 && row < packed_->rows && column >= 0 && column < packed_->columns;
  return !there || packed_->at(row, column).length < 0;
}

std::string_view result::raw(int row, int column) const {
  if (!packed_)
    return {PQgetvalue(rows_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(rows_.get(), row, column))};
  if (is_null(row, column)) return {};
  const packed_rows::cell& one = packed_->at(row, column);
  return {packed_->bytes() + one.at, static_cast<std::size_t>(one.length)};
}

unsigned result::type(int column) const {
  return packed_ ? packed_->columns_begin()[column].type : PQftype(rows_.get(), column);
}

std::string result::name(int column) const {
  if (packed_) {
    const packed_rows::column& one = packed_->columns_begin()[column];
    return {packed_->bytes() + one.name, one.name_length};
  }
  const char* name = PQfname(rows_.get(), column);
  return name == nullptr ? std::to_string(column) : std::string(name);
}

void result::throw_type(int column, const char* wanted) const {
  throw usage_error("column \"" + name(column) + "\" is not " + wanted + " (its type has OID " +
                    std::to_string(type(column)) + ")");
}

std::string_view result::checked(int row, int column, unsigned type) const {
  // What is not there is null, too, and never of the type asked for.
  const bool null = is_null(row, column);
  if (null && (row < 0 || row >= rows() || column < 0 || column >= columns()))
    throw usage_error("no such row or column");
  if (type != 0 && this->type(column) != type) throw_type(column, "of the type asked for");
  if (null) throw usage_error("column \"" + name(column) + "\" is null");
  return raw(row, column);
}

std::int64_t result::integer(int row, int column) const {
  const std::string_view bytes = checked(row, column, 0);
  switch (type(column)) {
    case int8_type:
      return wire::get<std::int64_t>(bytes);
    case int4_type:
      return wire::get<std::int32_t>(bytes);
    case int2_type:
      return wire::get<std::int16_t>(bytes);
    default:
      throw_type(column, "an integer");
  }
}

double result::number(int row, int column) const {
  const std::string_view bytes = checked(row, column, 0);
  switch (type(column)) {
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

std::optional<std::string_view> result::optional_json_text(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  // The way of nearly all calls.
  if (type(column) == jsonb_type) return json_text_of(raw(row, column));
  return json_text(row, column);
}

std::string_view result::json_text(int row, int column) const {
  const std::string_view bytes = checked(row, column, 0);
  const unsigned its_type = type(column);
  if (its_type == jsonb_type) return json_text_of(bytes);
  if (its_type == json_type) return bytes;
  throw_type(column, "json");
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
    if (bytes.size() < 4) throw_type(column, "an array");
    const auto number = wire::get<std::int32_t>(bytes);
    bytes.remove_prefix(4);
    return number;
  };
  const std::int32_t dimensions = take();
  (void)take();  // whether there are NULLs
  (void)take();  // the elements' type
  std::vector<std::optional<std::string_view>> found;
  if (dimensions == 0) return found;
  if (dimensions != 1) throw_type(column, "an array of one dimension");
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

std::vector<float> result::reals(int row, int column) const {
  constexpr unsigned float4_array_type = 1021;
  (void)checked(row, column, float4_array_type);
  std::vector<float> found;
  for (const auto& each : elements(row, column)) {
    if (!each) throw usage_error("an array has a null in it");
    found.push_back(std::bit_cast<float>(wire::get<std::uint32_t>(*each)));
  }
  return found;
}

std::vector<std::string> result::texts(int row, int column) const {
  std::vector<std::string> found;
  for (const auto& each : elements(row, column)) {
    if (!each) throw usage_error("an array has a null in it");
    found.emplace_back(*each);
  }
  return found;
}

}  // namespace stash

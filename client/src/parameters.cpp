// See stash/parameters.hpp. The binary forms are those of PostgreSQL's receive functions.
#include "stash/parameters.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "stash/error.hpp"
#include "wire.hpp"

namespace stash {
namespace {

namespace type {
enum : unsigned {
  boolean = 16,
  bytea = 17,
  int8 = 20,
  int4 = 23,
  text = 25,
  float4 = 700,
  float8 = 701,
  text_array = 1009,
  float4_array = 1021,
  float8_array = 1022,
  timestamptz = 1184,
  uuid_array = 2951,
  jsonb = 3802,
  jsonb_array = 3807,
};
}  // namespace type

constexpr int text_format = 0;
constexpr int binary_format = 1;
constexpr char jsonb_version = 1;

// The head of a one-dimensional array without NULLs.
std::string array_head(unsigned element_type, std::size_t count) {
  std::string bytes;
  wire::put(bytes, std::int32_t{count == 0 ? 0 : 1});
  wire::put(bytes, std::int32_t{0});
  wire::put(bytes, static_cast<std::int32_t>(element_type));
  if (count > 0) {
    wire::put(bytes, static_cast<std::int32_t>(count));
    wire::put(bytes, std::int32_t{1});
  }
  return bytes;
}

void put_element(std::string& bytes, std::string_view element) {
  wire::put(bytes, static_cast<std::int32_t>(element.size()));
  bytes.append(element);
}

// libpq takes lengths as int, and PostgreSQL no value above 1 GB.
void check_size(std::size_t size) {
  constexpr std::size_t largest = 0x3ffffffe;
  if (size > largest) throw usage_error("a parameter is larger than 1 GB");
}

std::string uuid_bytes(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (const char digit : text) {
    if (digit == '-') continue;
    const int value = wire::hex_value(digit);
    if (value < 0) return {};
    if (high < 0) {
      high = value;
    } else {
      bytes.push_back(static_cast<char>(high << 4 | value));
      high = -1;
    }
  }
  return bytes.size() == 16 && high < 0 ? bytes : std::string();
}

}  // namespace

void parameters::throw_no_such(int index) {
  throw usage_error("there is no parameter " + std::to_string(index));
}

parameters& parameters::last_is_null() {
  buffer_.shrink(values_.back().offset);
  values_.back().length = -1;
  return *this;
}

parameters& parameters::append(unsigned type, std::string_view bytes, int format) {
  check_size(bytes.size());
  values_.push_back({type, buffer_.size(), static_cast<int>(bytes.size()), format});
  // Values in text form end with a zero byte; libpq may look at it.
  char* here = buffer_.extend(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), here);
  here[bytes.size()] = '\0';
  return *this;
}

parameters& parameters::add(std::string_view text) {
  return append(type::text, text, binary_format);
}

parameters& parameters::add(std::int64_t number) {
  std::string bytes;
  wire::put(bytes, number);
  return append(type::int8, bytes, binary_format);
}

parameters& parameters::add(std::int32_t number) {
  std::string bytes;
  wire::put(bytes, number);
  return append(type::int4, bytes, binary_format);
}

parameters& parameters::add(double number) {
  std::string bytes;
  wire::put(bytes, std::bit_cast<std::int64_t>(number));
  return append(type::float8, bytes, binary_format);
}

parameters& parameters::add(bool value) {
  const char byte = value ? 1 : 0;
  return append(type::boolean, {&byte, 1}, binary_format);
}

parameters& parameters::add(const json& value) { return add_json_text(value.dump()); }

parameters& parameters::add_json_text(std::string_view text) {
  check_size(text.size());
  // Written into the buffer directly: values may be large.
  values_.push_back(
      {type::jsonb, buffer_.size(), static_cast<int>(text.size()) + 1, binary_format});
  buffer_.push_back(jsonb_version);
  buffer_.append(text.data(), text.size());
  buffer_.push_back('\0');
  return *this;
}

parameters& parameters::add(time_point moment) {
  std::string bytes;
  wire::put(bytes, wire::to_postgres(moment));
  return append(type::timestamptz, bytes, binary_format);
}

parameters& parameters::add(std::span<const std::byte> bytes) {
  return append(type::bytea, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                binary_format);
}

parameters& parameters::add(std::span<const std::string> texts) {
  std::string bytes = array_head(type::text, texts.size());
  for (const std::string& text : texts) put_element(bytes, text);
  return append(type::text_array, bytes, binary_format);
}

parameters& parameters::add(std::span<const json> values) {
  std::string bytes = array_head(type::jsonb, values.size());
  for (const json& value : values) put_element(bytes, jsonb_version + value.dump());
  return append(type::jsonb_array, bytes, binary_format);
}

parameters& parameters::add(std::span<const double> numbers) {
  std::string bytes = array_head(type::float8, numbers.size());
  for (const double number : numbers) {
    wire::put(bytes, std::int32_t{8});
    wire::put(bytes, std::bit_cast<std::int64_t>(number));
  }
  return append(type::float8_array, bytes, binary_format);
}

parameters& parameters::add(std::span<const float> numbers) {
  std::string bytes = array_head(type::float4, numbers.size());
  bytes.reserve(bytes.size() + 8 * numbers.size());
  for (const float number : numbers) {
    wire::put(bytes, std::int32_t{4});
    wire::put(bytes, std::bit_cast<std::int32_t>(number));
  }
  return append(type::float4_array, bytes, binary_format);
}

parameters& parameters::add(std::nullopt_t) {
  values_.push_back({0, buffer_.size(), -1, text_format});
  return *this;
}

parameters& parameters::add_as(std::string_view text, unsigned type) {
  return append(type, text, text_format);
}

parameters& parameters::add_uuids(std::span<const std::string> ids) {
  std::string bytes = array_head(uuid_type, ids.size());
  for (const std::string& id : ids) {
    const std::string each = uuid_bytes(id);
    if (each.empty()) throw usage_error("not a uuid: " + id);
    put_element(bytes, each);
  }
  return append(type::uuid_array, bytes, binary_format);
}

parameters& parameters::append_all(const parameters& others) {
  const std::size_t before = buffer_.size();
  buffer_.append(others.buffer_.data(), others.buffer_.size());
  const std::size_t count = others.values_.size();
  value* here = values_.extend(count);
  for (std::size_t i = 0; i < count; i++) {
    here[i] = others.values_[i];
    here[i].offset += before;
  }
  return *this;
}

void parameters::clear() {
  buffer_.clear();
  values_.clear();
}

}  // namespace stash

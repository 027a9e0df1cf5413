// See protobuf.hpp.
#include "weaviate/protobuf.hpp"

#include <bit>

#include "store/core_wall.hpp"

namespace stash::weaviate::protobuf {
namespace {

constexpr std::uint32_t varint = 0;
constexpr std::uint32_t fixed64 = 1;
constexpr std::uint32_t delimited = 2;
constexpr std::uint32_t fixed32 = 5;

// Of a message's length: seven bits each.
constexpr std::size_t length_bytes = 4;

void append_varint(std::string* to, std::uint64_t value) {
  while (value >= 0x80) {
    to->push_back(static_cast<char>((value & 0x7fU) | 0x80U));
    value >>= 7U;
  }
  to->push_back(static_cast<char>(value));
}

void append_key(std::string* to, std::uint32_t field, std::uint32_t type) {
  append_varint(to, std::uint64_t{field} << 3U | type);
}

template <typename Bits>
char* put_bits(char* at, Bits bits) {
  for (std::size_t i = 0; i < sizeof bits; i++) *at++ = static_cast<char>(bits >> (8 * i) & 0xffU);
  return at;
}

std::optional<std::uint64_t> take_varint(std::string_view* from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < from->size() && i < 10; i++) {
    const auto byte = static_cast<unsigned char>((*from)[i]);
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte >= 0x80) continue;
    from->remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

}  // namespace

void append_integer(std::string* to, std::uint32_t field, std::uint64_t value) {
  append_key(to, field, varint);
  append_varint(to, value);
}

void append_number(std::string* to, std::uint32_t field, double value) {
  append_key(to, field, fixed64);
  to->resize(to->size() + sizeof value);
  put_bits(to->data() + to->size() - sizeof value, std::bit_cast<std::uint64_t>(value));
}

void append_text(std::string* to, std::uint32_t field, std::string_view text) {
  append_key(to, field, delimited);
  append_varint(to, text.size());
  to->append(text);
}

void append_floats(std::string* to, std::uint32_t field, std::span<const float> values) {
  append_key(to, field, delimited);
  append_varint(to, values.size_bytes());
  const std::size_t start = to->size();
  to->resize(start + values.size_bytes());
  char* at = to->data() + start;
  for (const float value : values) at = put_bits(at, std::bit_cast<std::uint32_t>(value));
}

message_scope::message_scope(std::string* to, std::uint32_t field) : to_(to) {
  append_key(to, field, delimited);
  to->append(length_bytes, '\0');
  start_ = to->size();
}

message_scope::~message_scope() {
  std::size_t length = to_->size() - start_;
  for (std::size_t i = 0; i < length_bytes; i++) {
    const std::size_t more = i + 1 < length_bytes ? 0x80U : 0U;
    (*to_)[start_ - length_bytes + i] = static_cast<char>((length & 0x7fU) | more);
    length >>= 7U;
  }
}

std::optional<field> take_field(std::string_view* message) {
  const std::optional<std::uint64_t> key = take_varint(message);
  if (!key || *key >> 3U == 0 || *key >> 32U != 0) return std::nullopt;
  field found{static_cast<std::uint32_t>(*key >> 3U), 0, {}};
  const auto type = static_cast<std::uint32_t>(*key & 7U);
  std::optional<std::uint64_t> size;
  if (type == varint) {
    const std::optional<std::uint64_t> value = take_varint(message);
    if (!value) return std::nullopt;
    found.integer = *value;
    return found;
  }
  if (type == delimited) size = take_varint(message);
  if (type == fixed64) size = 8;
  if (type == fixed32) size = 4;
  if (!size || *size > message->size()) return std::nullopt;
  found.bytes = message->substr(0, static_cast<std::size_t>(*size));
  message->remove_prefix(static_cast<std::size_t>(*size));
  return found;
}

}  // namespace stash::weaviate::protobuf

// See uuid.hpp.
#include "weaviate/uuid.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

#include "weaviate/base64.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

// Made at random for this purpose. Changing it would change the id of every object there is.
constexpr uuid rows_space{{0x6e, 0x1d, 0x0d, 0x5f, 0x0b, 0x53, 0x4c, 0x2e, 0x9a, 0x3b, 0x52, 0x1f,
                           0x3c, 0x8e, 0x77, 0x04}};

constexpr bool is_dash(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void append_uuid(std::string* to, const uuid& id) {
  static constexpr char digits[] = "0123456789abcdef";
  std::array<char, 36> text;
  std::size_t at = 0;
  for (const std::uint8_t byte : id.bytes) {
    if (is_dash(at)) text[at++] = '-';
    text[at++] = digits[byte >> 4U];
    text[at++] = digits[byte & 15U];
  }
  to->append(text.data(), text.size());
}

std::string to_string(const uuid& id) {
  std::string text;
  append_uuid(&text, id);
  return text;
}

std::optional<uuid> uuid_from_text(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  uuid id;
  std::size_t byte = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (is_dash(at)) {
      if (text[at++] != '-') return std::nullopt;
      continue;
    }
    const int high = digit_value(text[at]);
    const int low = digit_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[byte++] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

std::optional<uuid> uuid_from_base64(std::string_view text) {
  const auto bytes = from_base64(text);
  uuid id;
  if (!bytes || bytes->size() != id.bytes.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), id.bytes.begin());
  return id;
}

uuid uuid_from_name(const uuid& space, std::string_view name) {
  std::string input(reinterpret_cast<const char*>(space.bytes.data()), space.bytes.size());
  input.append(name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  if (EVP_Digest(input.data(), input.size(), hash.data(), nullptr, EVP_sha1(), nullptr) != 1)
    throw std::runtime_error("libcrypto refuses SHA-1, which UUIDs of version 5 are made of");
  uuid id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0fU) | 0x50U);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3fU) | 0x80U);
  return id;
}

uuid object_id(std::span<const std::string_view> parts) {
  std::string name;
  for (const std::string_view part : parts) {
    name += std::to_string(part.size());
    name += ':';
    name += part;
  }
  return uuid_from_name(rows_space, name);
}

}  // namespace stash::weaviate

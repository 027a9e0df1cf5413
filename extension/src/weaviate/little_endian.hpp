// Numbers as Weaviate packs them: their bytes, the least significant first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

namespace stash::weaviate {

// Of sizeof(Number) bytes: four or eight.
template <typename Number>
Number little_endian(const char* bytes) {
  using bits_type = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;
  static_assert(sizeof(Number) == sizeof(bits_type));
  bits_type bits = 0;
  for (std::size_t i = 0; i < sizeof bits; i++)
    bits |= bits_type{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return std::bit_cast<Number>(bits);
}

// One after the other; what is left at the end is no number.
template <typename Number>
std::vector<Number> little_endian_list(std::string_view bytes) {
  std::vector<Number> numbers;
  for (std::size_t at = 0; at + sizeof(Number) <= bytes.size(); at += sizeof(Number))
    numbers.push_back(little_endian<Number>(bytes.data() + at));
  return numbers;
}

}  // namespace stash::weaviate

// How tags are kept beside a key, and what a tag's class is.
//
// Encoded: one length byte and the bytes, for each tag. A tag's class is what precedes its first
// ':' with "*" for the rest: the class of "user:7" is "user:*". A tag without ':' has no class.
#pragma once

#include <string>
#include <string_view>

#include "store/types.hpp"

namespace stash {

inline void append_tag(std::string& encoded, std::string_view tag) {
  encoded.push_back(static_cast<char>(static_cast<unsigned char>(tag.size())));
  encoded.append(tag);
}

template <typename Visit>
void each_tag(std::string_view encoded, Visit visit) {
  while (!encoded.empty()) {
    const auto size = static_cast<unsigned char>(encoded.front());
    visit(encoded.substr(1, size));
    encoded.remove_prefix(1 + std::size_t{size});
  }
}

// The class of a tag, or an empty string.
inline std::string class_of(std::string_view tag) {
  const std::size_t colon = tag.find(':');
  if (colon == std::string_view::npos) return {};
  return std::string(tag.substr(0, colon + 1)) + '*';
}

}  // namespace stash

// Hashes of keys and tags, seeded at server start so that nobody can prepare collisions.
#pragma once

#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/types.hpp"

namespace stash {

inline std::uint64_t hash_key(std::uint64_t seed, space_index space, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed + space * 0x9e3779b97f4a7c15ULL);
}

// A tag is known by 128 bits of hash: two tags that shared them would only be invalidated together.
struct tag_id {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const tag_id&) const = default;
};

inline tag_id hash_tag(std::uint64_t seed, space_index space, std::string_view tag) {
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(tag.data(), tag.size(), ~seed + space * 0x9e3779b97f4a7c15ULL);
  return {hash.low64, hash.high64};
}

inline std::uint64_t checksum(const void* data, std::size_t size, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(data, size, seed);
}

}  // namespace stash

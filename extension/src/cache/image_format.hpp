// The bytes of a saved cache: one header, records, one end record. Written and read on one machine
// only, so in its own byte order; every part carries a checksum, and nothing read is trusted before
// that has been compared.
#pragma once

#include <cstring>

#include "store/hash.hpp"
#include "store/types.hpp"

namespace stash {

inline constexpr char image_magic[8] = {'S', 'T', 'A', 'S', 'H', '0', '0', '1'};

struct image_header {
  char magic[8];
  std::uint64_t system_identifier;
  std::uint64_t checkpoint;         // LSN
  std::uint64_t checkpoint_digest;  // of the whole checkpoint record
  std::uint64_t checksum;           // of all before
};

struct image_record {
  std::uint64_t checksum;  // of all behind it, bytes included
  std::uint32_t database;
  std::uint32_t value_size;
  std::int64_t version;
  timestamp expires_at;
  std::uint16_t key_size;
  std::uint16_t tags_size;
  std::uint16_t stale_seconds;
  std::uint8_t name_size;
  value_kind kind;  // 0: the end
};

inline std::uint64_t header_checksum(const image_header& header) {
  return checksum(&header, offsetof(image_header, checksum));
}

inline std::uint64_t record_checksum(const image_record& record, const void* bytes,
                                     std::size_t size) {
  constexpr std::size_t skipped = sizeof record.checksum;
  const std::uint64_t head =
      checksum(reinterpret_cast<const char*>(&record) + skipped, sizeof record - skipped);
  return checksum(bytes, size, head);
}

inline std::size_t record_bytes(const image_record& record) {
  return std::size_t{record.name_size} + record.key_size + record.tags_size + record.value_size;
}

}  // namespace stash

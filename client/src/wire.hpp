// Numbers and moments as they travel: big-endian, microseconds since 2000-01-01 UTC.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace stash::wire {

template <typename Integer>
void put(std::string& bytes, Integer number) {
  char buffer[sizeof number];
  for (std::size_t i = 0; i < sizeof number; i++)
    buffer[i] = static_cast<char>(number >> (8 * (sizeof number - 1 - i)));
  bytes.append(buffer, sizeof buffer);
}

template <typename Integer>
Integer get(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Integer); i++)
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<Integer>(number);
}

using system_time = std::chrono::system_clock::time_point;

// 2000-01-01 in seconds since 1970-01-01.
inline constexpr std::int64_t epoch_seconds = 946'684'800;

inline std::int64_t to_postgres(system_time moment) {
  return std::chrono::duration_cast<std::chrono::microseconds>(moment.time_since_epoch()).count() -
         epoch_seconds * 1'000'000;
}

inline system_time from_postgres(std::int64_t micros) {
  return system_time(std::chrono::duration_cast<std::chrono::system_clock::duration>(
      std::chrono::microseconds(micros + epoch_seconds * 1'000'000)));
}

inline int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace stash::wire

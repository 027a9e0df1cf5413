// Words that every core file shares. Core files know no PostgreSQL header.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace stash {

// Microseconds since 2000-01-01 UTC, as PostgreSQL counts them.
using timestamp = std::int64_t;
inline constexpr timestamp never = std::numeric_limits<timestamp>::max();
inline constexpr timestamp microseconds_per_second = 1'000'000;

using block_index = std::uint32_t;
inline constexpr std::uint32_t none = 0xffffffffU;

using space_index = std::uint16_t;

enum class value_kind : std::uint8_t {
  jsonb = 1,
  bytes = 2,
  counter = 3,
  // Stands at a key whose values differ by role; the values are kept under the key and the role.
  role_marker = 4,
};

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

}  // namespace stash

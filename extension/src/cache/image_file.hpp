// Where the saved cache lies, and what the start and the launcher tell each other of it.
#pragma once

#include <atomic>
#include <cstdint>

namespace stash {

// pg_stat_tmp: base backups leave it out.
inline constexpr const char* image_saved = "pg_stat_tmp/pg_stash.cache";
inline constexpr const char* image_temporary = "pg_stat_tmp/pg_stash.cache.tmp";
inline constexpr const char* image_loading = "pg_stat_tmp/pg_stash.loading";

struct image_state {
  std::atomic<std::uint32_t> pending;  // a good image waits to be loaded
  std::atomic<std::uint64_t> loaded;   // entries
};

image_state* saved_image();

}  // namespace stash

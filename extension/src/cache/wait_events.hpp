// Names under which waits of pg_stash show in pg_stat_activity (PostgreSQL 17 and later; before
// that they all show as "Extension"). Waits for the store's locks show as StashPartition, StashTag
// and StashControl everywhere.
#pragma once

#include <cstdint>

namespace stash {

enum class wait_event_name : std::uint8_t { fetch, worker, launcher };

std::uint32_t wait_event(wait_event_name name);

}  // namespace stash

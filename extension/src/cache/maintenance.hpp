// What the cache wants done in the background.
#pragma once

namespace stash {

// Registers the tasks with the workers; in _PG_init, before worker::install().
void register_cache_tasks();

}  // namespace stash

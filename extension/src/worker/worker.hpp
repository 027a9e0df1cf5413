// The background work of pg_stash: what the rest of the extension calls.
#pragma once

namespace stash::worker {

// Called once from _PG_init while preloading, after the modules have registered their tasks
// (tasks.hpp): shared memory, DDL observer, transaction callback, launcher.
void install();

}  // namespace stash::worker

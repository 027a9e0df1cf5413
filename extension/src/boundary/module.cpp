// The library's entry: settings, shared memory, hooks and callbacks, in that order, once.
#include "boundary/settings.hpp"
#include "boundary/shared_memory.hpp"
#include "boundary/utility_hook.hpp"
#include "cache/fetch_query.hpp"
#include "cache/image.hpp"
#include "cache/maintenance.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "cache/tie.hpp"
#include "cache/transaction.hpp"
#include "session/live_touch.hpp"
#include "session/session_scan.hpp"
#include "session/statement.hpp"
#include "session/upkeep.hpp"
#include "snapshot/upkeep.hpp"
#include "vector/vector.hpp"
#include "worker/worker.hpp"

#include "boundary/postgres.hpp"

extern "C" {

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
  stash::settings::define();
  if (IsBinaryUpgrade) return;
  stash::install_transaction_callbacks();
  stash::install_vector_callbacks();
  // Without preloading there is no shared memory; functions that need it say so.
  if (!process_shared_preload_libraries_in_progress) return;
  stash::register_shared_store();
  stash::register_prepared_part();
  stash::register_image();
  stash::register_touch_array();
  stash::register_cache_tasks();
  stash::register_session_tasks();
  stash::memory::register_snapshot_tasks();
  stash::register_vectors();
  stash::worker::install();
  stash::request_shared_memory();
  stash::install_tie_hooks();
  stash::install_fetch_hook();
  stash::install_size_hook();
  stash::install_session_scan();
  stash::install_utility_hook();
}
}

// The worker of one database (see README.md for its life).
#pragma once

#include "boundary/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace stash::worker {

// Asks the postmaster for a worker that serves slot `index`; false when it has none left.
[[nodiscard]] bool register_database_worker(int index, uint64 generation, Oid database,
                                            const char* name, BackgroundWorkerHandle** handle);

}  // namespace stash::worker

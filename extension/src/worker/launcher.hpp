// The launcher: one process a server, decides which databases have a worker (see README.md).
#pragma once

namespace stash::worker {

// Tells the postmaster about it; called while preloading.
void register_launcher();

}  // namespace stash::worker

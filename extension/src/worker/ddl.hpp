// Commands that concern the workers: DDL on databases and on extensions (see README.md).
#pragma once

namespace stash::worker {

// Registers the utility observer and the transaction callback; called while preloading.
void watch_ddl();

}  // namespace stash::worker

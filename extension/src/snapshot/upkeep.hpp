// The background tasks of snapshots: expiry, retention, the collector.
#pragma once

namespace stash::memory {

void register_snapshot_tasks();

}  // namespace stash::memory

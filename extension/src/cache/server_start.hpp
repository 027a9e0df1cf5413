// How this server starts, read off its folder by the postmaster before any other process runs.
#pragma once

struct ControlFileData;

namespace stash {

// pg_control as it is on disk; false unless it is sound and says that the server was shut down
// cleanly. Raises nothing, so that exit callbacks may call it too.
bool read_clean_control(::ControlFileData* control);

// Archive recovery is going to run, with readers perhaps: a restored backup, a standby.
bool about_to_recover();

// Whether a clean shutdown left prepared transactions behind (true when that cannot be known).
bool left_prepared_transactions();

}  // namespace stash

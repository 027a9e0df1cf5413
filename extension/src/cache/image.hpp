// The saved cache: written at a clean shutdown, read at the next start.
//
// Written by the postmaster's exit callback, when no other process runs any more and after the
// shutdown checkpoint; that code neither allocates nor raises. Used only when pg_control still
// shows exactly that checkpoint and nothing is going to recover; moved away durably before use, so
// that it is never used twice. The launcher loads it as ordinary fills whose data was read at the
// start.
#pragma once

namespace stash {

// In _PG_init: registers the part of shared memory and the callbacks.
void register_image();
// The launcher's task: loads what the start found good. Does nothing the second time.
void load_saved_cache();

}  // namespace stash

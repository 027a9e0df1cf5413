// What launcher and worker have in common as processes: signals, settings, sleeping.
#pragma once

#include <cstdint>

#include "boundary/postgres.hpp"

namespace stash::worker {

constexpr const char* launcher_type = "pg_stash launcher";
constexpr const char* worker_type = "pg_stash worker";

// SIGHUP reloads, SIGTERM ends at the next CHECK_FOR_INTERRUPTS; then lets signals in.
void set_up_signals();

// A worker's work must not depend on what an administrator set for the sessions of a database.
void pin_settings();

// SIGTERM has arrived. The loops ask before they check for interrupts, so as to end without FATAL.
bool asked_to_end();

// Once a round: forgets cancel requests that came too late, acts on interrupts and SIGHUP. Returns
// true when the settings were read anew.
bool between_tasks();

// Sleeps at most until `until` (on GetCurrentTimestamp's clock), a latch, or the socket's events.
unsigned sleep_until(TimestampTz until, int socket = PGINVALID_SOCKET, unsigned events = 0);

}  // namespace stash::worker

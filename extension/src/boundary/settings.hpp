// The settings stash.*: their variables. Units are in the names; settings.cpp has the texts.
#pragma once

namespace stash::settings {

// Fixed at server start.
extern int memory_mb;
extern int max_value_kb;
extern int max_namespaces;

// May change while the server runs.
extern int max_pending;
extern int blind_fill_guard_ms;
extern int fetch_timeout_ms;
extern int fetch_stale_ms;
extern double default_ttl_s;
extern int max_workers;
extern int sweep_interval_ms;
extern bool save_at_shutdown;

// A comma-separated list of pause points for tests; empty in production.
extern char* pause_at;

void define();

}  // namespace stash::settings

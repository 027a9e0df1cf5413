// The settings stash.*: their variables. Units are in the names; settings.cpp has the texts.
#pragma once

namespace stash::settings {

// Fixed at server start.
extern int memory_mb;
extern int max_value_kb;
extern int max_namespaces;
extern int session_touch_slots;

// May change while the server runs.
extern int max_pending;
extern int blind_fill_guard_ms;
extern int fetch_timeout_ms;
extern int fetch_stale_ms;
extern double default_ttl_s;
extern int max_workers;
extern int sweep_interval_ms;
extern bool save_at_shutdown;

// Sessions. 0 seconds: no limit.
enum class limit_action : int { evict, refuse };
extern double session_ttl_s;
extern double session_idle_timeout_s;
extern double session_absolute_timeout_s;
extern int session_max_per_user;
extern int session_limit_action;  // limit_action
extern int session_flush_interval_ms;
extern double session_orphan_retention_s;
extern double session_history_retention_s;

// Snapshots.
extern int memory_retention_interval_ms;

// A comma-separated list of pause points for tests; empty in production.
extern char* pause_at;

void define();

}  // namespace stash::settings

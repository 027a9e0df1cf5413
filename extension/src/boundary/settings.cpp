// Defines the settings stash.* (names, defaults, limits, texts). Owns their variables.
#include "boundary/settings.hpp"

#include <climits>

#include "boundary/postgres.hpp"

namespace stash::settings {

int memory_mb = 64;
int max_value_kb = 1024;
int max_namespaces = 256;
int max_pending = 10000;
int blind_fill_guard_ms = 5000;
int fetch_timeout_ms = 5000;
int fetch_stale_ms = 0;
double default_ttl_s = 3600;
int max_workers = 3;
int sweep_interval_ms = 1000;
bool save_at_shutdown = true;
char* pause_at = nullptr;
int session_touch_slots = 65536;
double session_ttl_s = 86400;
double session_idle_timeout_s = 0;
double session_absolute_timeout_s = 30 * 86400.0;
int session_max_per_user = 0;
int session_limit_action = static_cast<int>(limit_action::evict);
int session_flush_interval_ms = 10000;
double session_history_retention_s = 90 * 86400.0;
double session_orphan_retention_s = 86400.0;
int memory_retention_interval_ms = 60000;

namespace {

// What the size of shared memory depends on. A session that loads the library later than the server
// starts must not ask for PGC_POSTMASTER: that ends it.
GucContext fixed_at_start() {
  return process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;
}

// Links name blocks by 29 bits.
constexpr int largest_memory_mb = 60 * 1024;

void define_store() {
  DefineCustomIntVariable("stash.memory", "Size of the shared-memory store.",
                          "A hard cap: a full store evicts, it never grows and never fails.",
                          &memory_mb, 64, 8, largest_memory_mb, fixed_at_start(), GUC_UNIT_MB,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable("stash.max_value_size", "Largest value that the cache accepts.", nullptr,
                          &max_value_kb, 1024, 1, 1024 * 1024, fixed_at_start(), GUC_UNIT_KB,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "stash.max_namespaces", "Number of cache namespaces that all databases can use at one time.",
      "Every database that uses the cache takes one for \"default\".", &max_namespaces, 256, 4,
      4096, fixed_at_start(), 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("stash.save_at_shutdown",
                           "Saves the cache at a clean shutdown and loads it at the next start.",
                           nullptr, &save_at_shutdown, true, PGC_SIGHUP, 0, nullptr, nullptr,
                           nullptr);
}

void define_cache() {
  DefineCustomRealVariable(
      "stash.default_ttl",
      "Seconds that an entry lives when neither the call nor its namespace says.", nullptr,
      &default_ttl_s, 3600, 0.001, 1e9, PGC_USERSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "stash.max_pending",
      "Cache keys or tags that one transaction may change before it invalidates more coarsely.",
      "Beyond it tags degrade to their class, and classes and keys to the whole namespace.",
      &max_pending, 10000, 16, 1000000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "stash.blind_fill_guard",
      "How long after a data change a set without lease or fresh => true is refused.",
      "Must be longer than an application takes between reading data and caching it.",
      &blind_fill_guard_ms, 5000, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("stash.fetch_timeout",
                          "How long cache_fetch waits for another caller that computes the value.",
                          nullptr, &fetch_timeout_ms, 5000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "stash.fetch_stale_ttl",
      "How long after its TTL cache_fetch may return a value while another caller computes it "
      "anew.",
      "Only a value that expired, never one that was invalidated. 0 turns it off.", &fetch_stale_ms,
      0, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

const config_enum_entry limit_actions[] = {
    {"evict", static_cast<int>(limit_action::evict), false},
    {"refuse", static_cast<int>(limit_action::refuse), false},
    {nullptr, 0, false}};

void define_sessions() {
  DefineCustomRealVariable(
      "stash.session_ttl", "Seconds that a session lives unless it is extended.", nullptr,
      &session_ttl_s, 86400, 0.001, 1e10, PGC_USERSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomRealVariable("stash.session_idle_timeout",
                           "Seconds without use after which a session ends.", "0 turns it off.",
                           &session_idle_timeout_s, 0, 0, 1e10, PGC_USERSET, GUC_UNIT_S, nullptr,
                           nullptr, nullptr);
  DefineCustomRealVariable("stash.session_absolute_timeout",
                           "Seconds after which a session ends however often it is extended.",
                           "0 turns it off.", &session_absolute_timeout_s, 30 * 86400.0, 0, 1e10,
                           PGC_USERSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("stash.session_max_per_user", "Sessions that one user may have.",
                          "0 turns the limit off.", &session_max_per_user, 0, 0, 100000,
                          PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomEnumVariable("stash.session_limit_action",
                           "What happens when a user would have too many sessions.",
                           "evict ends the least recently used one, refuse raises an error.",
                           &session_limit_action, static_cast<int>(limit_action::evict),
                           limit_actions, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("stash.session_flush_interval",
                          "Pause between two rounds that write the sessions' touches down.",
                          "A crash of the server makes sessions look unused for up to this long.",
                          &session_flush_interval_ms, 10000, 100, 3600 * 1000, PGC_SIGHUP,
                          GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("stash.session_touch_slots",
                          "Sessions of all databases whose touches shared memory can hold.",
                          "Sessions used beyond it have their touches written to the table at "
                          "once.",
                          &session_touch_slots, 65536, 64, 16 * 1024 * 1024, fixed_at_start(), 0,
                          nullptr, nullptr, nullptr);
  DefineCustomRealVariable("stash.session_history_retention",
                           "Seconds for which it is known how sessions ended.", nullptr,
                           &session_history_retention_s, 90 * 86400.0, 60, 1e10, PGC_SIGHUP,
                           GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomRealVariable("stash.session_orphan_retention",
                           "Seconds for which a touch is kept whose session is not there.",
                           "A restore may bring the touches of sessions before the sessions.",
                           &session_orphan_retention_s, 86400, 0.1, 1e6, PGC_SIGHUP, GUC_UNIT_S,
                           nullptr, nullptr, nullptr);
}

void define_snapshots() {
  DefineCustomIntVariable("stash.memory_retention_interval",
                          "Pause between two rounds that apply the retention policies of memory "
                          "snapshots.",
                          nullptr, &memory_retention_interval_ms, 60000, 100, 24 * 3600 * 1000,
                          PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

void define_workers() {
  DefineCustomIntVariable("stash.max_workers",
                          "Background workers of pg_stash that run at one time.",
                          "With more databases than workers they take turns.", &max_workers, 3, 0,
                          64, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "stash.sweep_interval", "Pause between two rounds that reclaim expired entries.", nullptr,
      &sweep_interval_ms, 1000, 10, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("stash.pause_at", "Pause points for tests.", nullptr, &pause_at, "",
                             PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr,
                             nullptr);
}

}  // namespace

void define() {
  define_store();
  define_cache();
  define_sessions();
  define_snapshots();
  define_workers();
  MarkGUCPrefixReserved("stash");
}

}  // namespace stash::settings

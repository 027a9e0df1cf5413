// stash.worker_status(): what launcher and workers do, one row each.
//
// Reads the workers' shared memory under the control lock, copies it and formats the copy.
#include <iterator>

#include "boundary/guard.hpp"
#include "boundary/shared_memory.hpp"
#include "worker/shared_state.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
}

namespace stash::worker {
namespace {

struct row {
  const char* kind;
  Oid database;
  const char* state;
  activity who;
};

const char* state_of(const shared_state& state, const database_slot& slot, TimestampTz now) {
  if (slot.state == slot_state::running) return slot.confirmed ? "running" : "starting";
  if (is_blocked(state, slot.database)) return "blocked";
  if (slot.state == slot_state::starting) return "starting";
  if (slot.ended == ending::incomplete) return "incomplete";
  return slot.retry_at > now ? "backing off" : "waiting";
}

// Databases in which nobody has found an extension yet, but for those that could not be looked at.
bool is_shown(const database_slot& slot) {
  return OidIsValid(slot.database) &&
         (slot.confirmed || slot.deaths > 0 || slot.ended == ending::incomplete);
}

int collect(row* rows, TimestampTz now) {
  int count = 0;
  locked state(LW_SHARED);
  const bool runs = state->launcher.pid != 0;
  rows[count++] = {"launcher", InvalidOid, runs ? "running" : "not running", state->launcher};
  for (const database_slot& slot : state->slots)
    if (is_shown(slot))
      rows[count++] = {"worker", slot.database, state_of(*state, slot, now), slot.worker};
  return count;
}

// The text comes from another database, perhaps in another encoding.
text* readable_error(const activity& who) {
  char* copy = pstrdup(who.last_error);
  if (who.encoding != GetDatabaseEncoding())
    for (char* at = copy; *at != '\0'; at++)
      if (IS_HIGHBIT_SET(*at)) *at = '?';
  return cstring_to_text(copy);
}

Datum seconds_interval(int64 us) {
  auto* interval = static_cast<Interval*>(palloc0(sizeof(Interval)));
  interval->time = us > 0 ? us : 0;
  return IntervalPGetDatum(interval);
}

void put_row(ReturnSetInfo* result, const row& row, TimestampTz now) {
  const activity& who = row.who;
  const char* name = OidIsValid(row.database) ? get_database_name(row.database) : nullptr;
  if (OidIsValid(row.database) && name == nullptr) return;  // dropped meanwhile
  struct column {
    Datum value;
    bool is_null;
  };
  const column columns[] = {
      {CStringGetTextDatum(row.kind), false},
      {name != nullptr ? CStringGetTextDatum(name) : 0, name == nullptr},
      {CStringGetTextDatum(row.state), false},
      {Int32GetDatum(who.pid), who.pid == 0},
      {TimestampTzGetDatum(who.started_at), who.pid == 0},
      {TimestampTzGetDatum(who.last_active), who.last_active == 0},
      {Int64GetDatum(who.tasks_run), false},
      {who.oldest_due != 0 ? seconds_interval(now - who.oldest_due) : 0, who.oldest_due == 0},
      {Int64GetDatum(who.failures), false},
      {who.failed_at != 0 ? PointerGetDatum(readable_error(who)) : 0, who.failed_at == 0},
      {TimestampTzGetDatum(who.failed_at), who.failed_at == 0},
  };
  Datum values[std::size(columns)];
  bool nulls[std::size(columns)];
  for (std::size_t i = 0; i < std::size(columns); i++) {
    values[i] = columns[i].value;
    nulls[i] = columns[i].is_null;
  }
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace
}  // namespace stash::worker

STASH_FUNCTION(worker_status) {
  using namespace stash::worker;
  if (!stash::shared_memory_attached())
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("pg_stash must be loaded via \"shared_preload_libraries\""),
                    errhint("Add shared_preload_libraries = 'pg_stash' to postgresql.conf and "
                            "restart the server.")));
  InitMaterializedSRF(fcinfo, 0);
  const TimestampTz now = GetCurrentTimestamp();
  auto* rows = static_cast<row*>(palloc((max_databases + 1) * sizeof(row)));
  const int count = collect(rows, now);
  if (RecoveryInProgress()) rows[0].state = "in recovery";
  for (int i = 0; i < count; i++)
    put_row(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), rows[i], now);
  return Datum{0};
}

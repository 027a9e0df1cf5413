// SQL entry points that read: session_get, session_get_by_token, session_touch, session_freshest.
//
// Where the first two stand alone in FROM, session_scan.cpp reads in their place.
#include "boundary/guard.hpp"
#include "cache/rows.hpp"
#include "session/arguments.hpp"
#include "session/live_touch.hpp"
#include "session/reading.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

Datum show(FunctionCallInfo fcinfo, session_function function) {
  const row_set rows(fcinfo);
  if (PG_ARGISNULL(0)) return static_cast<Datum>(0);
  const auto what = lookup_of(function, PG_GETARG_DATUM(0));
  if (!what) return static_cast<Datum>(0);
  const bool touch = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
  const living_session found = find_and_touch(*what, touch);
  if (!found.record) return static_cast<Datum>(0);
  Datum columns[session_columns];
  bool nulls[session_columns];
  for (int i = 0; i < session_columns; i++)
    form_column(*found.record, found.seen_at, i, &columns[i], &nulls[i]);
  rows.add(columns, nulls);
  return static_cast<Datum>(0);
}

}  // namespace

// session_get(id, touch)
STASH_FUNCTION(session_get) { return show(fcinfo, session_function::get); }

// session_get_by_token(token, touch)
STASH_FUNCTION(session_get_by_token) { return show(fcinfo, session_function::get_by_token); }

// session_touch(id)
STASH_FUNCTION(session_touch) {
  session_lookup what;
  what.id = id_argument(fcinfo, 0);
  if (RecoveryInProgress())
    ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                    errmsg("sessions cannot be touched on a standby"),
                    errhint("Touch them on the primary: it decides when a session has idled.")));
  const living_session found = find_living(what, false);
  if (!found.record) PG_RETURN_BOOL(false);
  touch_session(found.record->facts, found.judged_at);
  PG_RETURN_BOOL(true);
}

// session_freshest(id, known)
STASH_FUNCTION(session_freshest) {
  const timestamp known = PG_GETARG_TIMESTAMPTZ(1);
  const touch_array* touches = live_touches();
  if (touches == nullptr) PG_RETURN_TIMESTAMPTZ(known);
  PG_RETURN_TIMESTAMPTZ(
      Max(known, touches->touched_at(MyDatabaseId, session_id_of(PG_GETARG_DATUM(0)))));
}

}  // namespace stash

// SQL entry points that read: session_find (session_get), session_find_by_token
// (session_get_by_token), session_touch, session_freshest.
//
// The hot copy answers when there is one. Its last touch may lag behind the tables' when memory
// gave the session's slot away; then, and only when it matters, the tables are asked.
#include "boundary/guard.hpp"
#include "boundary/pause_point.hpp"
#include "session/arguments.hpp"
#include "session/hot.hpp"
#include "session/live_touch.hpp"
#include "session/table.hpp"
#include "session/token.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

struct living_session {
  std::optional<session_record> record;
  timestamp seen_at = 0;
  timestamp judged_at = 0;
};

// Memory is asked for the last touch only when it matters.
living_session judged(const session_record& record, timestamp now, bool exact) {
  const bool matters = exact || record.facts.idle_limit != never;
  const timestamp seen = matters ? freshest_touch(record.facts) : record.facts.seen_at;
  if (ended_by(record.facts, seen, now) != session_end::none) return {};
  return {record, seen, now};
}

// exact: the caller shows the last touch.
living_session find_living(const session_lookup& what, bool exact) {
  timestamp now = GetCurrentTimestamp();
  if (const auto hot = read_hot(what, now)) {
    const living_session found = judged(*hot, now, exact);
    const bool expired = now >= hot->facts.expires_at;
    if ((found.record && !exact) || expired || touch_is_exact(hot->facts)) return found;
  }
  std::string_view bytes;
  const auto read = read_table(what, &bytes);
  if (!read) return {};
  now = GetCurrentTimestamp();
  const living_session found = judged(*read, now, exact);
  pause_here(pause_point::session_read);
  if (found.record) fill_hot(what, *read, bytes);
  return found;
}

Datum show(FunctionCallInfo fcinfo, const session_lookup& what, bool touch) {
  const living_session found = find_living(what, !touch);
  if (!found.record) PG_RETURN_NULL();
  const bool touches = touch && !RecoveryInProgress();
  const timestamp seen = touches ? Max(found.seen_at, found.judged_at) : found.seen_at;
  if (touches) touch_session(found.record->facts, seen);
  return return_session(fcinfo, *found.record, seen);
}

}  // namespace

// session_find(id, touch)
STASH_FUNCTION(session_find) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  session_lookup what;
  what.id = session_id_of(PG_GETARG_DATUM(0));
  return show(fcinfo, what, !PG_ARGISNULL(1) && PG_GETARG_BOOL(1));
}

// session_find_by_token(token, touch)
STASH_FUNCTION(session_find_by_token) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const text* given = PG_GETARG_TEXT_PP(0);
  const std::string_view token = view_of(given);
  // Whatever else a client sends is no token: it finds nothing, and no message repeats it.
  if (token.size() != token_size) PG_RETURN_NULL();
  session_lookup what;
  what.by = lookup_by::token;
  what.token = hash_token(token);
  return show(fcinfo, what, !PG_ARGISNULL(1) && PG_GETARG_BOOL(1));
}

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

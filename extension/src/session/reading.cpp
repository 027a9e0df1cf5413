// See reading.hpp.
#include "session/reading.hpp"

#include "boundary/pause_point.hpp"
#include "session/arguments.hpp"
#include "session/live_touch.hpp"
#include "session/table.hpp"
#include "session/token.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// Memory is asked for the last touch only when it matters.
living_session judged(const session_record& record, timestamp now, bool exact) {
  const bool matters = exact || record.facts.idle_limit != never;
  const timestamp seen = matters ? freshest_touch(record.facts) : record.facts.seen_at;
  if (ended_by(record.facts, seen, now) != session_end::none) return {};
  return {record, seen, now};
}

}  // namespace

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

living_session find_and_touch(const session_lookup& what, bool touch) {
  living_session found = find_living(what, !touch);
  if (!found.record || !touch || RecoveryInProgress()) return found;
  found.seen_at = Max(found.seen_at, found.judged_at);
  touch_session(found.record->facts, found.seen_at);
  return found;
}

std::optional<session_lookup> lookup_of(session_function function, Datum argument) {
  session_lookup what;
  if (function == session_function::get) {
    what.id = session_id_of(argument);
    return what;
  }
  // Whatever else a client sends is no token: it finds nothing, and no message repeats it.
  const std::string_view token = view_of(DatumGetTextPP(argument));
  if (token.size() != token_size) return std::nullopt;
  what.by = lookup_by::token;
  what.token = hash_token(token);
  return what;
}

}  // namespace stash

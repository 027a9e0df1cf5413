// See ending.hpp.
#include "session/ending.hpp"

#include <algorithm>
#include <cmath>

#include "boundary/settings.hpp"
#include "session/live_touch.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constinit origin present_origin = origin::direct;

// Arguments: ids, moments of the end, kinds, last touches, slots; reason, who.
statement end_given{
    "WITH given AS (SELECT * FROM unnest($1, $2, $3, $4, $5)"
    " AS g (id, ended_at, kind, last_seen_at, slot)),"
    " gone AS (DELETE FROM stash.session s USING given g"
    " WHERE s.id OPERATOR(pg_catalog.=) g.id"
    " RETURNING s.id, s.user_id, s.agent_id, s.created_at, s.ip, s.user_agent,"
    " g.ended_at, g.kind, g.last_seen_at, g.slot)"
    " INSERT INTO stash.session_history (slot, id, user_id, agent_id, created_at, last_seen_at,"
    " ended_at, kind, reason, ended_by, ip, user_agent)"
    " SELECT g.slot, g.id, g.user_id, g.agent_id, g.created_at, g.last_seen_at, g.ended_at,"
    " g.kind, $6, $7, g.ip, g.user_agent FROM gone g",
    7,
    {UUIDARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, INT2ARRAYOID, TEXTOID,
     TEXTOID}};

// After the sessions: whoever adds a touch row holds the session's row, so none comes later. One
// that somebody else is writing is left: waiting for it could be a deadlock. The worker meets it
// again.
statement end_touches{
    "DELETE FROM stash.session_touch t USING (SELECT h.id FROM stash.session_touch h"
    " WHERE h.id OPERATOR(pg_catalog.=) ANY ($1) FOR UPDATE SKIP LOCKED) AS held"
    " WHERE t.id OPERATOR(pg_catalog.=) held.id",
    1,
    {UUIDARRAYOID}};

template <typename Make>
argument array_of(std::span<const ending> endings, Oid type, int16 length, bool by_value,
                  char align, Make make) {
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * endings.size()));
  for (std::size_t i = 0; i < endings.size(); i++) items[i] = make(endings[i]);
  return {PointerGetDatum(
      construct_array(items, static_cast<int>(endings.size()), type, length, by_value, align))};
}

argument optional_text(const char* text) {
  return text == nullptr ? sql_null : argument{CStringGetTextDatum(text)};
}

std::span<candidate> candidates_of_result(timestamp since) {
  const std::size_t count = SPI_processed;
  const std::span<candidate> found(
      static_cast<candidate*>(palloc(sizeof(candidate) * Max(count, std::size_t{1}))), count);
  const touch_array* touches = live_touches();
  for (std::size_t i = 0; i < found.size(); i++) {
    bool null = false;
    candidate& each = found[i];
    each.id = session_id_of(result(i, 1, &null));
    each.created_at = DatumGetTimestampTz(result(i, 2, &null));
    each.seen_at = DatumGetTimestampTz(result(i, 3, &null));
    each.expires_at = DatumGetTimestampTz(result(i, 4, &null));
    const Datum idle = result(i, 5, &null);
    each.idle_limit = null ? never : moment_after(0, DatumGetFloat8(idle));
    // A touch may have been written down behind the snapshot, and have left memory by now.
    const timestamp touched = touches == nullptr ? 0 : touches->touched_at(MyDatabaseId, each.id);
    each.exact = touches == nullptr || touched != 0 || !touches->may_lack(since);
    each.seen_at = std::max(each.seen_at, touched);
  }
  return found;
}

}  // namespace

const char* end_name(end_kind kind) {
  switch (kind) {
    case end_kind::expired:
      return "expired";
    case end_kind::idle:
      return "idle";
    case end_kind::deleted:
      return "deleted";
    case end_kind::revoked:
      return "revoked";
    case end_kind::evicted:
      return "evicted";
  }
  return "";
}

std::span<candidate> find_candidates(statement& which, std::initializer_list<argument> values) {
  constexpr int attempts = 4;
  for (int attempt = 1;; attempt++) {
    const timestamp since = GetCurrentTimestamp();
    (void)run(which, values);
    const std::span<candidate> found = candidates_of_result(since);
    const bool exact =
        std::all_of(found.begin(), found.end(), [](const candidate& each) { return each.exact; });
    if (exact || attempt == attempts) return found;
  }
}

bool may_live(const candidate& session, timestamp now) {
  const session_end how = ended_by(session, now);
  return how == session_end::none || (how == session_end::idle && !session.exact);
}

session_end ended_by(const candidate& session, timestamp now) {
  session_facts facts;
  facts.expires_at = session.expires_at;
  facts.idle_limit = session.idle_limit;
  return ended_by(facts, session.seen_at, now);
}

// Of both limits the one that came first.
ending overdue_ending(const candidate& session) {
  const timestamp idle_end =
      session.idle_limit == never ? never : session.seen_at + session.idle_limit;
  if (idle_end < session.expires_at) return {session.id, end_kind::idle, idle_end, session.seen_at};
  return {session.id, end_kind::expired, session.expires_at, session.seen_at};
}

int history_slot(timestamp at) {
  constexpr double slots_in_retention = 6;
  constexpr int slots = 8;
  const double width = settings::session_history_retention_s / slots_in_retention;
  const double number = std::floor(static_cast<double>(at) / 1e6 / width);
  const int slot = static_cast<int>(std::fmod(number, slots));
  return slot < 0 ? slot + slots : slot;
}

std::uint64_t end_sessions(std::span<const ending> endings, const char* reason,
                           const char* ended_by) {
  if (endings.empty()) return 0;
  const auto moment = [](timestamp at) { return TimestampTzGetDatum(at); };
  const argument ids = array_of(endings, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR,
                                [](const ending& e) { return uuid_datum(e.id); });
  const std::uint64_t ended =
      run_as(origin::extension, end_given,
             {ids,
              array_of(endings, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE,
                       [&](const ending& e) { return moment(e.ended_at); }),
              array_of(endings, TEXTOID, -1, false, TYPALIGN_INT,
                       [](const ending& e) { return CStringGetTextDatum(end_name(e.kind)); }),
              array_of(endings, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE,
                       [&](const ending& e) { return moment(e.last_seen_at); }),
              array_of(endings, INT2OID, 2, true, TYPALIGN_SHORT,
                       [](const ending& e) {
                         return Int16GetDatum(static_cast<int16>(history_slot(e.ended_at)));
                       }),
              optional_text(reason), optional_text(ended_by)});
  (void)run(end_touches, {ids});
  return ended;
}

origin change_origin() { return present_origin; }

std::uint64_t run_as(origin whose, statement& what, std::initializer_list<argument> values) {
  const origin before = present_origin;
  volatile std::uint64_t rows = 0;
  const std::initializer_list<argument>* const given = &values;
  PG_TRY();
  {
    present_origin = whose;
    rows = run(what, *given);
  }
  PG_FINALLY();
  { present_origin = before; }
  PG_END_TRY();
  return rows;
}

}  // namespace stash

// SQL entry points that end sessions: session_delete, session_revoke_others, session_bulk_delete,
// session_cleanup_inactive. Sessions that are beyond their limits already are not theirs to end:
// the worker logs those as expired or idle.
#include "boundary/guard.hpp"
#include "cache/arguments.hpp"
#include "session/arguments.hpp"
#include "session/ending.hpp"
#include "session/reap.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

#define CANDIDATES                                                                    \
  "SELECT s.id, s.created_at, greatest(s.seen_at, (SELECT t.touched_at"               \
  " FROM stash.session_touch t WHERE t.id = s.id LIMIT 1)), s.expires_at, s.idle_ttl" \
  " FROM stash.session s WHERE "

statement one_session{CANDIDATES "s.id = $1 FOR UPDATE OF s", 1, {UUIDOID}};
statement others_of_user{CANDIDATES
                         "s.user_id = (SELECT m.user_id FROM stash.session m WHERE m.id = $1)"
                         " AND s.id <> $1 ORDER BY s.id FOR UPDATE OF s",
                         1,
                         {UUIDOID}};
// One statement for each way in, so that each has its index.
statement of_ids{CANDIDATES
                 "s.id = ANY ($1) AND ($2 IS NULL OR s.user_id = $2)"
                 " AND ($3 IS NULL OR s.agent_id = $3) ORDER BY s.id FOR UPDATE OF s",
                 3,
                 {UUIDARRAYOID, TEXTOID, TEXTOID}};
statement of_user{CANDIDATES
                  "s.user_id = $1 AND ($2 IS NULL OR s.agent_id = $2)"
                  " ORDER BY s.id FOR UPDATE OF s",
                  2,
                  {TEXTOID, TEXTOID}};
statement of_agent{CANDIDATES "s.agent_id = $1 ORDER BY s.id FOR UPDATE OF s", 1, {TEXTOID}};

#undef CANDIDATES

// Ends those candidates of the last run that live.
std::uint64_t end_living(std::span<const candidate> all, end_kind kind, const char* reason) {
  const timestamp now = GetCurrentTimestamp();
  auto* endings = static_cast<ending*>(palloc(sizeof(ending) * Max(all.size(), std::size_t{1})));
  std::size_t count = 0;
  for (const candidate& each : all)
    if (may_live(each, now)) endings[count++] = {each.id, kind, now, each.seen_at};
  return end_sessions({endings, count}, reason, GetUserNameFromId(GetSessionUserId(), false));
}

// A session that the worker moves to the other generation while we wait for its row is not found
// where it was: look again, with a snapshot that shows it where it is.
std::span<const candidate> find_one(Datum id) {
  const std::span<const candidate> found = find_candidates(one_session, {{id}});
  return found.empty() ? find_candidates(one_session, {{id}}) : found;
}

// The same for many: what was moved meanwhile is found in the next round.
std::uint64_t end_found(statement& which, std::initializer_list<argument> values, end_kind kind,
                        const char* reason) {
  constexpr int most_rounds = 4;
  std::uint64_t all = 0;
  for (int round = 0; round < most_rounds; round++) {
    const std::uint64_t ended = end_living(find_candidates(which, values), kind, reason);
    if (round > 0 && ended == 0) break;
    all += ended;
  }
  return all;
}

bool lives(const session_id& id) {
  std::string_view bytes;
  session_lookup what;
  what.id = id;
  const auto record = read_table(what, &bytes);
  return record &&
         ended_by(record->facts, record->facts.seen_at, GetCurrentTimestamp()) == session_end::none;
}

}  // namespace

// session_delete(id, reason)
STASH_FUNCTION(session_delete) {
  const session_id id = id_argument(fcinfo, 0);
  const char* reason = reason_argument(fcinfo, 1);
  const as_owner owner;
  const std::uint64_t ended = end_living(find_one(uuid_datum(id)), end_kind::deleted, reason);
  owner.finish();
  PG_RETURN_BOOL(ended > 0);
}

// session_revoke_others(id, reason)
STASH_FUNCTION(session_revoke_others) {
  const session_id id = id_argument(fcinfo, 0);
  const char* reason = reason_argument(fcinfo, 1);
  if (!lives(id)) PG_RETURN_INT32(0);
  const as_owner owner;
  const std::uint64_t ended =
      end_found(others_of_user, {{uuid_datum(id)}}, end_kind::revoked, reason);
  owner.finish();
  PG_RETURN_INT32(static_cast<std::int32_t>(ended));
}

// session_bulk_delete(ids, user_id, agent_id, reason)
STASH_FUNCTION(session_bulk_delete) {
  const auto given = [&](int index) {
    return PG_ARGISNULL(index) ? sql_null : argument{PG_GETARG_DATUM(index)};
  };
  const char* reason = reason_argument(fcinfo, 3);
  const argument ids = given(0);
  const argument user = given(1);
  const argument agent = given(2);
  if (ids.null && user.null && agent.null)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("ids, user_id and agent_id are all null"),
                    errhint("Say which sessions to end; to end all, pass every user.")));
  const as_owner owner;
  std::uint64_t ended = 0;
  if (!ids.null)
    ended = end_found(of_ids, {ids, user, agent}, end_kind::deleted, reason);
  else if (!user.null)
    ended = end_found(of_user, {user, agent}, end_kind::deleted, reason);
  else
    ended = end_found(of_agent, {agent}, end_kind::deleted, reason);
  owner.finish();
  PG_RETURN_INT32(static_cast<std::int32_t>(ended));
}

// session_cleanup_inactive(idle, batch)
STASH_FUNCTION(session_cleanup_inactive) {
  const timestamp idle = limit_argument(fcinfo, 0, "idle", 0);
  const std::int64_t batch = count_argument(fcinfo, 1, "batch", 1000);
  if (batch < 1 || batch > 100000)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("batch must be between 1 and 100000")));
  const as_owner owner;
  const char* by = GetUserNameFromId(GetSessionUserId(), false);
  std::uint64_t ended = reap_expired(batch, by);
  if (ended < static_cast<std::uint64_t>(batch))
    ended += reap_idle(batch - static_cast<std::int64_t>(ended), by);
  if (idle != never && ended < static_cast<std::uint64_t>(batch))
    ended += reap_unused(idle, batch - static_cast<std::int64_t>(ended), by);
  owner.finish();
  PG_RETURN_INT32(static_cast<std::int32_t>(ended));
}

}  // namespace stash

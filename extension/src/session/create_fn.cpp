// SQL entry point session_create: the row, the limit per user, the token that is shown once.
//
// The limit: whoever creates a session for a user under a limit holds a lock on the user until it
// commits, and counts what is committed by then, so that logins at the same time count each other,
// under REPEATABLE READ too. The lock is an advisory one of a class that SQL cannot reach.
#include <algorithm>

#include "boundary/guard.hpp"
#include "boundary/settings.hpp"
#include "cache/namespaces.hpp"
#include "session/arguments.hpp"
#include "session/ending.hpp"
#include "session/live_touch.hpp"
#include "session/table.hpp"
#include "session/token.hpp"
#include "store/hash.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
}

namespace stash {
namespace {

// SQL's advisory locks have 1 and 2 here.
constexpr std::uint16_t user_lock_class = 22;

statement sessions_of_user{
    "SELECT s.id, s.created_at, greatest(s.seen_at, (SELECT t.touched_at FROM stash.session_touch t"
    " WHERE t.id OPERATOR(pg_catalog.=) s.id LIMIT 1)), s.expires_at, s.idle_ttl"
    " FROM stash.session s WHERE s.user_id OPERATOR(pg_catalog.=) $1",
    1,
    {TEXTOID}};

void lock_user(std::string_view user) {
  const std::uint64_t hash = checksum(user.data(), user.size());
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(hash >> 32),
                       static_cast<uint32>(hash), user_lock_class);
  (void)LockAcquire(&tag, ExclusiveLock, false, false);
}

[[noreturn]] void report_too_many(int most) {
  ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                  errmsg("the user has %d sessions already", most),
                  errhint("End one, or set stash.session_limit_action = 'evict' to end the least "
                          "recently used.")));
  pg_unreachable();
}

// Ends as many of the user's least recently used sessions as it takes for one more; false when
// some of them were not there any more.
bool make_room_once(std::string_view user, int most, timestamp now) {
  const std::span<candidate> all = find_candidates(sessions_of_user, {{varlena_datum(user)}});
  const auto living = std::partition(all.begin(), all.end(),
                                     [&](const candidate& each) { return may_live(each, now); });
  const auto count = living - all.begin();
  if (count < most) return true;
  if (settings::session_limit_action == static_cast<int>(settings::limit_action::refuse))
    report_too_many(most);
  std::sort(all.begin(), living, [](const candidate& a, const candidate& b) {
    return a.seen_at != b.seen_at ? a.seen_at < b.seen_at : a.created_at < b.created_at;
  });
  const std::size_t too_many = static_cast<std::size_t>(count - most) + 1;
  const std::span<ending> endings(static_cast<ending*>(palloc(sizeof(ending) * too_many)),
                                  too_many);
  for (std::size_t i = 0; i < too_many; i++)
    endings[i] = {all[i].id, end_kind::evicted, now, all[i].seen_at};
  const char* by = GetUserNameFromId(GetSessionUserId(), false);
  return end_sessions(endings, nullptr, by) == too_many;
}

// One that was not there has ended, which makes room, or the worker moved it to the other
// generation while we waited for its row: count again.
void make_room(std::string_view user, int most, timestamp now) {
  constexpr int most_rounds = 4;
  lock_user(user);
  for (int round = 0; round < most_rounds && !make_room_once(user, most, now); round++) {
  }
}

// What a client says it is, cut where a character ends.
std::string_view user_agent_argument(FunctionCallInfo fcinfo, int index) {
  constexpr int most_characters = 1024;
  const text* given = PG_GETARG_TEXT_PP(index);
  const std::string_view text = view_of(given);
  const int size = pg_mbcharcliplen(text.data(), static_cast<int>(text.size()), most_characters);
  return text.substr(0, static_cast<std::size_t>(size));
}

struct limits {
  timestamp expires_at;
  timestamp absolute_expires_at;
  timestamp idle_limit;
};

timestamp later(timestamp now, timestamp limit) {
  return limit == never || limit > never - now ? never : now + limit;
}

limits limit_arguments(FunctionCallInfo fcinfo, timestamp now) {
  const timestamp ttl = limit_argument(fcinfo, 3, "ttl", settings::session_ttl_s);
  const timestamp idle = limit_argument(fcinfo, 4, "idle_ttl", settings::session_idle_timeout_s);
  const timestamp absolute =
      limit_argument(fcinfo, 5, "absolute_ttl", settings::session_absolute_timeout_s);
  // Beyond some ten thousand years an idle limit is none, so that sums with it stay in range.
  const timestamp longest_idle = never / 32;
  const timestamp end = later(now, absolute);
  return {Min(later(now, ttl), end), end, idle > longest_idle ? never : idle};
}

int most_sessions_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) return settings::session_max_per_user;
  const int most = PG_GETARG_INT32(index);
  if (most < 1)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_per_user must be at least 1"),
             errhint("NULL stands for stash.session_max_per_user.")));
  return most;
}

Datum row_of(FunctionCallInfo fcinfo, const session_facts& facts, const new_token& token) {
  TupleDesc shape = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "a row type was expected");
  Datum columns[3] = {uuid_datum(facts.id),
                      PointerGetDatum(cstring_to_text_with_len(token.text, token_size)),
                      TimestampTzGetDatum(facts.expires_at)};
  bool nulls[3] = {false, false, facts.expires_at == never};
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), columns, nulls));
}

}  // namespace

// session_create(user_id, agent_id, data, ttl, idle_ttl, absolute_ttl, ip, user_agent,
//                max_per_user, schema_version)
STASH_FUNCTION(session_create) {
  const timestamp now = GetCurrentTimestamp();
  session_record record;
  session_facts& facts = record.facts;
  const auto keep = [&](session_field field, std::string_view text) {
    facts.present |= field;
    return text;
  };
  if (const text* user = name_argument(fcinfo, 0, "user_id"))
    record.user_id = keep(has_user, view_of(user));
  if (const text* agent = name_argument(fcinfo, 1, "agent_id"))
    record.agent_id = keep(has_agent, view_of(agent));
  if (PG_ARGISNULL(2))
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("data must not be null"),
                    errhint("Pass '{}' for no data.")));
  const varlena* data = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(2));
  record.data = {VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data)};
  const limits ends = limit_arguments(fcinfo, now);
  if (!PG_ARGISNULL(6)) {
    const varlena* address = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(6));
    record.address = keep(has_address, {VARDATA_ANY(address), VARSIZE_ANY_EXHDR(address)});
  }
  if (!PG_ARGISNULL(7)) record.user_agent = keep(has_user_agent, user_agent_argument(fcinfo, 7));
  const int most = most_sessions_argument(fcinfo, 8);
  facts.schema_version = PG_ARGISNULL(9) ? 1 : PG_GETARG_INT32(9);
  facts.created_at = facts.updated_at = facts.seen_at = facts.read_at = now;
  facts.expires_at = ends.expires_at;
  facts.absolute_expires_at = ends.absolute_expires_at;
  facts.idle_limit = ends.idle_limit;
  facts.id = make_session_id(now);
  const new_token token = make_token();
  facts.token = token.hash;
  const Datum row = row_of(fcinfo, facts, token);
  check_versions();
  if (most > 0 && record.has(has_user)) {
    const as_owner owner;
    make_room(record.user_id, most, now);
    owner.finish();
  }
  insert_session(record);
  return row;
}

}  // namespace stash

// SQL entry points that change a session: session_update, session_extend, session_rotate_token.
// Each locks the row as it is committed now, and changes what it then reads.
#include "boundary/guard.hpp"
#include "boundary/settings.hpp"
#include "cache/arguments.hpp"
#include "session/arguments.hpp"
#include "session/ending.hpp"
#include "session/live_touch.hpp"
#include "session/merge_patch.hpp"
#include "session/table.hpp"
#include "session/token.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

statement write_data{
    "UPDATE stash.session SET data = $2, schema_version = coalesce($3, schema_version),"
    " version = version + 1, updated_at = $4 WHERE id = $1",
    4,
    {UUIDOID, JSONBOID, INT4OID, TIMESTAMPTZOID}};
statement write_expiry{
    "UPDATE stash.session SET expires_at = $2 WHERE id = $1", 2, {UUIDOID, TIMESTAMPTZOID}};
statement write_token{
    "UPDATE stash.session SET token_hash = $2, previous_token_hash = $3,"
    " previous_valid_until = $4 WHERE id = $1",
    4,
    {UUIDOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID}};

// The session, locked, if it still lives.
std::optional<session_record> lock_living(const session_id& id, timestamp now) {
  const auto record = lock_session(id);
  if (!record) return std::nullopt;
  const bool lives =
      ended_by(record->facts, freshest_touch(record->facts), now) == session_end::none;
  return lives ? record : std::nullopt;
}

void write(statement& how, std::initializer_list<argument> values) {
  const as_owner owner;
  if (run(how, values) != 1) elog(ERROR, "a locked session was not there");
  owner.finish();
}

bool replaces(FunctionCallInfo fcinfo, int index) {
  const std::string_view mode = text_argument(fcinfo, index, "mode");
  if (mode != "merge" && mode != "replace")
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("unknown mode \"%.*s\"", static_cast<int>(Min(mode.size(), 63UL)), mode.data()),
             errhint("Modes are merge and replace.")));
  return mode == "replace";
}

void check_version(const session_record& record, std::int64_t expected) {
  if (record.facts.version == expected) return;
  ereport(ERROR,
          (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
           errmsg("could not update the session: it has version %lld, not %lld",
                  static_cast<long long>(record.facts.version), static_cast<long long>(expected)),
           errhint("Another request changed it first: read it again and retry.")));
}

}  // namespace

// session_update(id, data, expected_version, mode, schema_version)
STASH_FUNCTION(session_update) {
  const session_id id = id_argument(fcinfo, 0);
  if (PG_ARGISNULL(1)) report_null("data");
  const bool replace = replaces(fcinfo, 3);
  const timestamp now = GetCurrentTimestamp();
  const auto record = lock_living(id, now);
  if (!record) PG_RETURN_NULL();
  if (!PG_ARGISNULL(2)) check_version(*record, PG_GETARG_INT64(2));
  const std::int64_t version = record->facts.version + 1;
  Datum data = PG_GETARG_DATUM(1);
  if (!replace)
    data = JsonbPGetDatum(
        merge_patch(DatumGetJsonbP(varlena_datum(record->data)), DatumGetJsonbP(data)));
  write(write_data, {{uuid_datum(id)},
                     {data},
                     PG_ARGISNULL(4) ? sql_null : argument{PG_GETARG_DATUM(4)},
                     {TimestampTzGetDatum(now)}});
  PG_RETURN_INT64(version);
}

// session_extend(id, ttl)
STASH_FUNCTION(session_extend) {
  const session_id id = id_argument(fcinfo, 0);
  const timestamp ttl = limit_argument(fcinfo, 1, "ttl", settings::session_ttl_s);
  const timestamp now = GetCurrentTimestamp();
  const auto record = lock_living(id, now);
  if (!record) PG_RETURN_NULL();
  const timestamp present = record->facts.expires_at;
  const timestamp wanted = ttl > never - now ? never : now + ttl;
  const timestamp end = Max(present, Min(wanted, record->facts.absolute_expires_at));
  if (end > present) write(write_expiry, {{uuid_datum(id)}, {TimestampTzGetDatum(end)}});
  if (end == never) PG_RETURN_NULL();
  PG_RETURN_TIMESTAMPTZ(end);
}

// session_rotate_token(id, grace)
STASH_FUNCTION(session_rotate_token) {
  constexpr double longest_grace = 3600;
  const session_id id = id_argument(fcinfo, 0);
  const double grace = PG_ARGISNULL(1) ? 0 : PG_GETARG_FLOAT8(1);
  if (!(grace >= 0 && grace <= longest_grace))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("grace must be between 0 and 3600 seconds"),
                    errhint("It is the time in which requests that are on their way with the old "
                            "token still arrive.")));
  const timestamp now = GetCurrentTimestamp();
  const auto record = lock_living(id, now);
  if (!record) PG_RETURN_NULL();
  const token_hash old = record->facts.token;
  const new_token token = make_token();
  const bool keep = grace > 0;
  write(write_token, {{uuid_datum(id)},
                      {hash_datum(token.hash)},
                      keep ? argument{hash_datum(old)} : sql_null,
                      keep ? argument{TimestampTzGetDatum(moment_after(now, grace))} : sql_null});
  PG_RETURN_TEXT_P(cstring_to_text_with_len(token.text, token_size));
}

}  // namespace stash

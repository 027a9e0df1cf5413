// See arguments.hpp.
#include "session/arguments.hpp"

#include <cmath>

#include "cache/arguments.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

namespace stash {

timestamp limit_argument(FunctionCallInfo fcinfo, int index, const char* name, double standard) {
  if (PG_ARGISNULL(index)) return standard > 0 ? moment_after(0, standard) : never;
  const double seconds = PG_GETARG_FLOAT8(index);
  if (!(seconds > 0))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s must be a positive number of seconds", name),
                    errhint("NULL stands for the default, 'infinity' for no limit.")));
  const timestamp limit = moment_after(0, seconds);
  return Max(limit, timestamp{1});
}

const text* short_text_argument(FunctionCallInfo fcinfo, int index, const char* name, int most) {
  if (PG_ARGISNULL(index)) return nullptr;
  const text* value = PG_GETARG_TEXT_PP(index);
  if (static_cast<int>(VARSIZE_ANY_EXHDR(value)) > most)
    ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                    errmsg("%s must not be longer than %d bytes", name, most)));
  return value;
}

const text* name_argument(FunctionCallInfo fcinfo, int index, const char* name) {
  constexpr int longest = 255;
  const text* value = short_text_argument(fcinfo, index, name, longest);
  if (value != nullptr && VARSIZE_ANY_EXHDR(value) == 0)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", name),
                    errhint("NULL stands for none.")));
  return value;
}

const char* reason_argument(FunctionCallInfo fcinfo, int index) {
  constexpr int longest = 1024;
  const text* value = short_text_argument(fcinfo, index, "reason", longest);
  return value == nullptr ? nullptr : text_to_cstring(value);
}

std::string_view view_of(const text* value) {
  if (value == nullptr) return {};
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

session_id id_argument(FunctionCallInfo fcinfo, int index) {
  if (PG_ARGISNULL(index)) report_null("id");
  return session_id_of(PG_GETARG_DATUM(index));
}

void form_column(const session_record& record, timestamp seen_at, int column, Datum* value,
                 bool* null) {
  const session_facts& facts = record.facts;
  const auto text_column = [&](session_field field, std::string_view text) {
    *null = !record.has(field);
    if (!*null) *value = varlena_datum(text);
  };
  const auto limit_column = [&](timestamp limit) {
    *null = limit == never;
    *value = TimestampTzGetDatum(limit);
  };
  *null = false;
  switch (column) {
    case 0:
      *value = uuid_datum(facts.id);
      break;
    case 1:
      text_column(has_user, record.user_id);
      break;
    case 2:
      text_column(has_agent, record.agent_id);
      break;
    case 3:
      *value = varlena_datum(record.data);
      break;
    case 4:
      *value = Int32GetDatum(facts.schema_version);
      break;
    case 5:
      *value = Int64GetDatum(facts.version);
      break;
    case 6:
      *value = TimestampTzGetDatum(facts.created_at);
      break;
    case 7:
      *value = TimestampTzGetDatum(facts.updated_at);
      break;
    case 8:
      *value = TimestampTzGetDatum(seen_at);
      break;
    case 9:
      limit_column(facts.expires_at);
      break;
    case 10:
      limit_column(facts.absolute_expires_at);
      break;
    case 11:
      *null = facts.idle_limit == never;
      *value = Float8GetDatum(static_cast<double>(facts.idle_limit) / 1e6);
      break;
    case 12:
      text_column(has_address, record.address);
      break;
    case 13:
      text_column(has_user_agent, record.user_agent);
      break;
    default:
      elog(ERROR, "stash.session_state has no column %d", column + 1);
  }
}

}  // namespace stash

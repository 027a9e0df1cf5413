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

namespace {

// Columns that are borrowed from a record; the caller's memory context holds them.
void form_columns(const session_record& record, timestamp seen_at, Datum* columns, bool* nulls) {
  const session_facts& facts = record.facts;
  columns[0] = uuid_datum(facts.id);
  const auto text_column = [&](int at, session_field field, std::string_view text) {
    nulls[at] = !record.has(field);
    if (!nulls[at]) columns[at] = varlena_datum(text);
  };
  const auto limit_column = [&](int at, timestamp limit) {
    nulls[at] = limit == never;
    columns[at] = TimestampTzGetDatum(limit);
  };
  text_column(1, has_user, record.user_id);
  text_column(2, has_agent, record.agent_id);
  columns[3] = varlena_datum(record.data);
  columns[4] = Int32GetDatum(facts.schema_version);
  columns[5] = Int64GetDatum(facts.version);
  columns[6] = TimestampTzGetDatum(facts.created_at);
  columns[7] = TimestampTzGetDatum(facts.updated_at);
  columns[8] = TimestampTzGetDatum(seen_at);
  limit_column(9, facts.expires_at);
  limit_column(10, facts.absolute_expires_at);
  nulls[11] = facts.idle_limit == never;
  columns[11] = Float8GetDatum(static_cast<double>(facts.idle_limit) / 1e6);
  text_column(12, has_address, record.address);
  text_column(13, has_user_agent, record.user_agent);
}

}  // namespace

Datum return_session(FunctionCallInfo fcinfo, const session_record& record, timestamp seen_at) {
  constexpr int column_count = 14;
  const TypeCacheEntry* type =
      lookup_type_cache(get_fn_expr_rettype(fcinfo->flinfo), TYPECACHE_TUPDESC);
  if (type->tupDesc == nullptr || type->tupDesc->natts != column_count)
    elog(ERROR, "the row type stash.session_state was expected");
  Datum columns[column_count];
  bool nulls[column_count] = {};
  form_columns(record, seen_at, columns, nulls);
  return HeapTupleGetDatum(heap_form_tuple(type->tupDesc, columns, nulls));
}

}  // namespace stash

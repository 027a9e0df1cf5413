// SQL entry points that show how synchronised tables stand, and ask the server.
#include <nlohmann/json.hpp>

#include "boundary/guard.hpp"
#include "vector/place.hpp"
#include "vector/server_call.hpp"
#include "vector/shared.hpp"
#include "weaviate/errors.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

Datum row_datum(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
  TupleDesc shape = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

Datum text_datum(const char* text, bool* null) {
  *null = text == nullptr;
  return text == nullptr ? 0 : CStringGetTextDatum(text);
}

Datum moment_datum(std::int64_t moment, bool* null) {
  *null = moment == 0;
  return TimestampTzGetDatum(moment);
}

}  // namespace

STASH_FUNCTION(vector_here) {
  Datum values[] = {CStringGetTextDatum(this_system()), CStringGetTextDatum(this_place())};
  bool nulls[2] = {};
  return row_datum(fcinfo, values, nulls);
}

STASH_FUNCTION(weaviate_checked_url) {
  static std::string* why = new std::string;
  static std::string* url = new std::string;
  const text* given = PG_GETARG_TEXT_PP(0);
  *url = weaviate::checked_url({VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given)}, why);
  if (url->empty())
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bad URL: %s", why->c_str()),
                    errhint("As in http://127.0.0.1:8080; the key is an argument of its own.")));
  PG_RETURN_TEXT_P(cstring_to_text_with_len(url->data(), static_cast<int>(url->size())));
}

STASH_FUNCTION(weaviate_ask) {
  const weaviate_target& target = configured_server();
  const http::response& answer = call_server(
      weaviate::rest_call(target.server, http::method::get, text_to_cstring(PG_GETARG_TEXT_PP(0))));
  static std::string* error = new std::string;
  const bool success = weaviate::is_success(answer);
  *error = success ? "" : weaviate::judge_failure(answer).message;
  Datum values[4] = {};
  bool nulls[4] = {};
  values[0] = Int32GetDatum(answer.status);
  nulls[1] = !success || !nlohmann::json::accept(answer.body);
  if (!nulls[1]) values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(answer.body.c_str()));
  values[2] = text_datum(success ? nullptr : error->c_str(), &nulls[2]);
  values[3] = Float8GetDatum(answer.seconds);
  return row_datum(fcinfo, values, nulls);
}

STASH_FUNCTION(vector_figures) {
  Datum values[10] = {};
  bool nulls[10];
  std::fill_n(nulls, 10, true);
  if (sync_figures* figures = figures_of(PG_GETARG_INT32(0), false)) {
    static const char* const jobs[] = {nullptr, "backfill", "sweep"};
    std::fill_n(nulls, 10, false);
    values[0] = Int64GetDatum(figures->settled_rows.load());
    values[1] = moment_datum(figures->oldest_at, &nulls[1]);
    values[2] = Int64GetDatum(figures->sent.load());
    values[3] = Int64GetDatum(figures->deleted.load());
    values[4] = Float8GetDatum(static_cast<double>(figures->rate_milli.load()) / 1000);
    values[5] = text_datum(jobs[figures->job.load() % 3], &nulls[5]);
    values[6] = text_datum(figures->blocked, &nulls[6]);
    values[7] = moment_datum(figures->last_sent_at, &nulls[7]);
    values[8] = text_datum(figures->last_error, &nulls[8]);
    values[9] = moment_datum(figures->failed_at, &nulls[9]);
  }
  return row_datum(fcinfo, values, nulls);
}

STASH_FUNCTION(vector_worker) {
  static const char* const breakers[] = {"closed", "open", "trying"};
  const vector_slot* slot = my_vector_slot();
  Datum values[4] = {};
  bool nulls[4] = {};
  values[0] = text_datum(slot == nullptr ? "" : slot->held_back, &nulls[0]);
  values[1] = text_datum(breakers[slot == nullptr ? 0 : slot->breaker.load() % 3], &nulls[1]);
  const std::uint32_t in_flight = slot == nullptr ? 0 : slot->in_flight.load();
  values[2] = Int32GetDatum(in_flight == in_flight_unknown ? 0 : static_cast<int>(in_flight));
  values[3] = BoolGetDatum(slot != nullptr && slot->worker.load() > 0);
  return row_datum(fcinfo, values, nulls);
}

// The outer role: the function that asks runs as the extension's owner.
STASH_FUNCTION(vector_may_read) {
  PG_RETURN_BOOL(pg_class_aclcheck(PG_GETARG_OID(0), GetOuterUserId(), ACL_SELECT) == ACLCHECK_OK);
}

}  // namespace stash

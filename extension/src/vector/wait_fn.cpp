// SQL entry point vector_wait: until all that was committed before the call is there.
//
// A place in shared memory holds the request. The worker looks at it before a scan of the outbox,
// whose snapshot is later than the call; when everything which that scan saw is settled it answers.
#include "boundary/guard.hpp"
#include "cache/arguments.hpp"
#include "session/statement.hpp"
#include "vector/shared.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

statement syncs_of{"SELECT stash.vector_syncs_of($1, $2)", 2, {REGCLASSOID, TEXTOID}};

wait_place* take_place(std::int32_t sync) {
  wait_place* places = wait_places();
  for (int i = 0; i < vector_waiters; i++) {
    std::uint32_t free = 0;
    if (!places[i].taken.compare_exchange_strong(free, 1)) continue;
    places[i].sync = sync;
    places[i].database = MyDatabaseId;
    if (++places[i].ticket == 0) ++places[i].ticket;
    places[i].taken = 2;
    return &places[i];
  }
  ereport(ERROR, (errcode(ERRCODE_TOO_MANY_CONNECTIONS),
                  errmsg("%d sessions are in vector_wait already", vector_waiters),
                  errhint("Try again when one of them is done.")));
  return nullptr;
}

void leave_place(int, Datum place) {
  reinterpret_cast<wait_place*>(DatumGetPointer(place))->taken = 0;
}

bool wait_until_answered(wait_place* place, TimestampTz until) {
  static uint32 wait_event = 0;
  if (wait_event == 0) wait_event = compat::wait_event_new("StashVectorWait");
  vector_slot* slot = my_vector_slot();
  ConditionVariablePrepareToSleep(vector_answered());
  wake_vector_worker(slot);
  bool answered = false;
  while (!(answered = place->taken == 3)) {
    const long left =
        static_cast<long>(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until));
    if (left <= 0) break;
    // A worker that starts meanwhile looks by itself.
    (void)ConditionVariableTimedSleep(vector_answered(), Min(left, 1000L), wait_event);
  }
  ConditionVariableCancelSleep();
  return answered;
}

}  // namespace

bool wait_until_sent(std::int32_t sync, TimestampTz until) {
  wait_place* place = take_place(sync);
  bool answered = false;
  PG_ENSURE_ERROR_CLEANUP(leave_place, PointerGetDatum(place));
  { answered = wait_until_answered(place, until); }
  PG_END_ENSURE_ERROR_CLEANUP(leave_place, PointerGetDatum(place));
  place->taken = 0;
  return answered;
}

// vector_wait(relation, timeout, collection)
STASH_FUNCTION(vector_wait) {
  if (PG_ARGISNULL(0)) report_null("relation");
  const double seconds = PG_ARGISNULL(1) ? 30 : PG_GETARG_FLOAT8(1);
  if (!(seconds >= 0))
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("timeout must be a number of seconds, 0 or more")));
  if (my_vector_slot() == nullptr)
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("pg_stash is not preloaded, so nothing is sent"),
                    errhint("Add pg_stash to shared_preload_libraries and restart the server.")));
  const TimestampTz until =
      GetCurrentTimestamp() + static_cast<TimestampTz>(Min(seconds, 1e9) * 1e6);
  const as_owner owner;
  const std::uint64_t count =
      run(syncs_of, {{PG_GETARG_DATUM(0)}, {PG_GETARG_DATUM(2), PG_ARGISNULL(2)}});
  std::int32_t syncs[64];
  int kept = 0;
  for (std::uint64_t i = 0; i < count && kept < 64; i++) {
    bool null = false;
    syncs[kept++] = DatumGetInt32(result(i, 1, &null));
  }
  owner.finish();
  for (int i = 0; i < kept; i++)
    if (!wait_until_sent(syncs[i], until)) PG_RETURN_BOOL(false);
  PG_RETURN_BOOL(true);
}

}  // namespace stash

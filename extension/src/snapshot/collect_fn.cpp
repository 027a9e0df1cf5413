// SQL entry point memory_collect: the collector in the caller's transaction, for servers without a
// worker. It keeps the pools that it went through until the transaction ends.
#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "snapshot/collector.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {

// memory_collect(max_parts)
STASH_FUNCTION(memory_collect) {
  std::int64_t most = INT64_MAX;
  if (!PG_ARGISNULL(0)) most = PG_GETARG_INT32(0);
  if (most < 1)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_parts must be at least 1")));
  TupleDesc shape = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "a row type was expected");
  shape = BlessTupleDesc(shape);
  auto* work = make_in_context<collection>();
  std::int64_t pools = 0;
  std::int64_t parts = 0;
  std::int64_t after = 0;
  const as_owner owner;
  for (bool busy = false; parts < most && work->begin(after, own::after_a_while, &busy);
       busy = false) {
    after = work->pool();
    work->set_limit(most - parts);
    while (!busy && work->step(own::after_a_while, &busy)) CHECK_FOR_INTERRUPTS();
    parts += work->deleted();
    pools += busy ? 0 : 1;
  }
  owner.finish();
  Datum columns[2] = {Int64GetDatum(parts), Int64GetDatum(pools)};
  bool nulls[2] = {false, false};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(shape, columns, nulls)));
}

}  // namespace stash::memory

// Turns C++ exceptions into PostgreSQL errors at the door (see guard.hpp).
#include "boundary/guard.hpp"

namespace stash {

Datum call_guarded(sql_function body, FunctionCallInfo fcinfo) {
  Datum result = 0;
  run_guarded([&] { result = body(fcinfo); });
  return result;
}

void report_exception(const char* text, bool out_of_memory) {
  if (out_of_memory)
    ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory in pg_stash")));
  ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("pg_stash: %s", text)));
}

}  // namespace stash

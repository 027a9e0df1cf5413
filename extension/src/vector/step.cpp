// A step of the forwarder in a transaction of its own (see forwarder.hpp). The guard is here, below
// the C++ objects of the callers, so that an error runs over none of them.
#include "boundary/guard.hpp"
#include "vector/forwarder.hpp"

#include "boundary/postgres.hpp"

namespace stash {

bool step_in_transaction(void (*body)(void*), void* argument, std::string* error) {
  const MemoryContext outer = CurrentMemoryContext;
  char text[512] = "";
  volatile bool failed = false;
  PG_TRY();
  {
    run_guarded([&] {
      StartTransactionCommand();
      PushActiveSnapshot(GetTransactionSnapshot());
      body(argument);
      PopActiveSnapshot();
      CommitTransactionCommand();
    });
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(outer);
    HOLD_INTERRUPTS();
    ErrorData* data = CopyErrorData();
    // Somebody cancelled the task: that is for the loop.
    const bool cancelled = data->sqlerrcode == ERRCODE_QUERY_CANCELED;
    strlcpy(text, data->message == nullptr ? "unknown error" : data->message, sizeof text);
    if (!cancelled) FlushErrorState();
    RESUME_INTERRUPTS();
    if (cancelled) PG_RE_THROW();
    FreeErrorData(data);
    AbortOutOfAnyTransaction();
    LWLockReleaseAll();
    failed = true;
  }
  PG_END_TRY();
  MemoryContextSwitchTo(outer);
  if (failed) *error = text;
  return !failed;
}

}  // namespace stash

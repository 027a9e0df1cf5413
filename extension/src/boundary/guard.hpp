// The door from PostgreSQL into C++: no C++ exception passes it.
//
// STASH_FUNCTION(name) { ... } defines the SQL-callable C symbol stash_<name>. An exception is
// copied into a stack buffer, the catch block is left, and only then does ereport jump: jumping out
// of a catch block would leak the exception. PostgreSQL's own errors pass through untouched, which
// is why the bodies keep only trivially destructible locals where a call can raise one.
#pragma once

#include <exception>
#include <new>

#include "boundary/postgres.hpp"

namespace stash {

using sql_function = Datum (*)(FunctionCallInfo);

Datum call_guarded(sql_function body, FunctionCallInfo fcinfo);

// For hooks and callbacks that are allowed to raise errors.
void report_exception(const char* text, bool out_of_memory);

template <typename Body>
void run_guarded(Body body) {
  char text[256];
  bool failed = false;
  bool out_of_memory = false;
  try {
    body();
  } catch (const std::bad_alloc&) {
    failed = true;
    out_of_memory = true;
    text[0] = '\0';
  } catch (const std::exception& error) {
    failed = true;
    strlcpy(text, error.what(), sizeof text);
  } catch (...) {
    failed = true;
    strlcpy(text, "unknown exception", sizeof text);
  }
  if (failed) report_exception(text, out_of_memory);
}

}  // namespace stash

#define STASH_FUNCTION(name)                         \
  static Datum name##_body(FunctionCallInfo fcinfo); \
  extern "C" {                                       \
  PG_FUNCTION_INFO_V1(stash_##name);                 \
  PGDLLEXPORT Datum stash_##name(PG_FUNCTION_ARGS) { \
    return stash::call_guarded(name##_body, fcinfo); \
  }                                                  \
  }                                                  \
  static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)

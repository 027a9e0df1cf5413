// SQL statements of the extension itself, prepared once a backend, and where they run.
//
// They see the latest committed state whatever the isolation level, with what the present
// transaction did itself. Texts that may run under a caller's search_path name every function and
// operator with its schema.
//
// Their plans are kept, and made as if the sessions' tables were large: an empty generation fills
// with thousands of sessions long before anybody analyzes it, and a plan that reads all of it, good
// while it was empty, would be run for each of a thousand ids.
#pragma once

#include "boundary/postgres.hpp"

namespace stash {

struct statement {
  const char* text;
  int argument_count;
  Oid arguments[20];
  SPIPlanPtr plan = nullptr;
};

// SPI as the owner of the extension's tables, who alone may touch them. Errors end it with the
// transaction; after success call finish(). Results live until then.
class as_owner {
 public:
  as_owner();
  void finish() const;

 private:
  Oid user_;
  int context_;
};

// A value with its own NULL.
struct argument {
  Datum value = 0;
  bool null = false;
};
inline constexpr argument sql_null{0, true};

// Runs inside as_owner; the number of rows. read_only: may run in recovery and costs less.
std::uint64_t run(statement& what, std::initializer_list<argument> values, bool read_only = false);

// The same, with the snapshot of whoever called: what a STABLE function may see. Read only.
std::uint64_t run_as_seen(statement& what, std::initializer_list<argument> values);

// The result of the last run.
Datum result(std::uint64_t row, int column, bool* null);

// The owner of the extension's tables.
Oid tables_owner();

// Begins a transaction of the worker. Its statements wait for no row; should one have to wait for
// something all the same, it fails after a second, for the sweep must not wait with it.
void begin_upkeep();

// For _PG_init: tells the planner what size to take for the sessions' tables.
void install_size_hook();

}  // namespace stash

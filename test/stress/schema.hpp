// The tables, functions and statements that the driver uses, and how keys and tags are called.
// Everything is created anew by every run, and keys carry the run's name, so that what an earlier
// run left in the cache is not seen.
#pragma once

#include <string>

#include "connection.hpp"
#include "ledger.hpp"
#include "value.hpp"

namespace stress {

struct names {
  std::string run;

  std::string key(subject s) const;
  std::string tag(subject s) const;
  std::string owner_tag(subject s) const;
  std::string class_tag(subject s) const;
  // Array literals: every tag that an entry of this key carries.
  std::string tags(subject s) const;
};

// The statements that name a table, one set for each table.
struct table_statements {
  statement select;         // (id) -> value
  statement update;         // (id, version): only forward
  statement scribble;       // (id, version): any value, to be rolled back
  statement bulk;           // (ids, versions): only forward -> id, value
  statement select_many;    // (ids) -> value, a row for each
  statement one_statement;  // (key, id, nonce, tags, ttl) -> hit, version read, accepted
  statement update_erase;   // (id, version, key): both in one statement -> id
  statement fetch;          // (key, id, nonce, tags, ttl) -> json
  statement procedure;      // (ids, keys, tags, nonces, ttl, held) -> lines, letters
  const char* name;
};

const table_statements& statements_of(family table);

// How long a value may be shown, marked as stale, after it died.
constexpr double stale_ttl_seconds = 0.1;

// Statements of the cache alone.
extern const statement cache_get;         // (key)
extern const statement cache_set;         // (key, json, tags, ttl)
extern const statement cache_set_fresh;   // (key, json, tags, ttl)
extern const statement cache_set_lease;   // (key, json, tags, ttl, lease)
extern const statement cache_get_lease;   // (key)
extern const statement cache_delete;      // (key)
extern const statement cache_get_many;    // (keys) -> a row for each
extern const statement cache_set_many;    // (keys, jsons, tags, ttl) -> how many
extern const statement cache_invalidate;  // (tags)

// For a cursor: stores what the cursor's snapshot sees.
std::string cursor_sql(const names& called, subject s, int64_t nonce);

// Creates and fills both tables; in mode stash the extension and the ties as well.
void create_schema(connection& one, int keys, bool with_cache);
// The guard of blind fills in seconds, or what the documentation says.
double ask_guard(connection& one);
// Rolls back what prepared transactions the run left.
void forget_prepared(connection& one);

}  // namespace stress

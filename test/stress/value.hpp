// The cached value: {"n": nonce, "p": padding, "v": version, "by": who stored it}.
// The version says how old the data is, the nonce which fill this was, the padding repeats the
// version a number of times that follows from the nonce, so that a value put together from two
// others is recognised: decoding re-encodes and compares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stress {

// Every way in which a value can get into the cache.
enum class filler {
  statements,   // get; select; set on one connection, each its own transaction: blind
  pool,         // get, select and set on three connections of a pool: blind
  statement,    // all in one statement
  transaction,  // begin; get; select; set; commit
  fetch,        // cache_fetch
  lease,        // lease, select and set on three connections
  procedure,    // a procedure that commits after every key
  many,         // several keys at a time, in one transaction
  snapshot,     // a REPEATABLE READ transaction that reads several keys
  imported,     // a transaction with somebody else's snapshot
  through,      // a writer that stores what it wrote
  refill,       // a writer that misses what it invalidated, selects and stores it
  fill_first,   // a writer that fills before it changes: must never be seen
  cursor,       // a writer whose cursor is older than its change: must never be seen
  aside,        // Redis: get; select; SET
  count
};

const char* name_of(filler by);

struct cached_value {
  int64_t version = 0;
  int64_t nonce = 0;
  filler by = filler::count;
};

// The text that PostgreSQL prints for the jsonb, so that it can be compared.
std::string encode(const cached_value& value);

// Nothing when the text is not one that encode() made.
std::optional<cached_value> decode(std::string_view json);

}  // namespace stress

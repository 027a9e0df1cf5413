// What one thread works with: its random numbers, its counters, its Redis connection, and the
// shared pool, ledger and failure list. The helpers judge every value that was read, in one place.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "connection.hpp"
#include "ledger.hpp"
#include "options.hpp"
#include "schema.hpp"
#include "tally.hpp"

namespace stress {

class redis_client;

struct worker {
  const options& chosen;
  const double guard_seconds;
  const names& called;
  pool& connections;
  ledger& known;
  failure_log& failures;
  redis_client* redis = nullptr;  // null in mode stash
  std::mt19937_64 random;
  int64_t next_nonce = 0;
  tally counts;

  pool::borrowed borrow() { return connections.borrow(random); }
  int64_t below(int64_t limit) { return static_cast<int64_t>(random() % limit); }
  bool chance(int percent) { return below(100) < percent; }
  int64_t nonce() { return ++next_nonce; }

  subject any_key();
  // A key that may be changed now; nothing when all that were tried are quiet.
  std::optional<subject> changeable_key();
  // Mostly none, some very short: so that keys that nobody changes are missed as well.
  argument ttl();

  // A short pause between two steps, in half of the cases; it widens the races.
  void think();
  // As think(), rarely much longer: what a busy application does between two uses of a pool.
  void dawdle();

  void fail(failure_kind kind, subject s, const char* reader, isolation level,
            const floor_mark& floor, const cached_value& seen, int64_t expected = 0,
            const std::string& detail = {});
  // A hit: decodes, judges and counts it. Nothing when the value was torn.
  std::optional<cached_value> hit(subject s, filler reader, isolation level,
                                  const floor_mark& floor, std::string_view json);
  // A value from the table, read by itself: only a broken driver or server fails here.
  void from_table(subject s, filler reader, isolation level, const floor_mark& floor,
                  int64_t version);
  void miss(filler reader);
  void filled(filler by, bool accepted);
};

}  // namespace stress

// Counting. Each thread has a tally of its own; they are added up when all threads have ended.
// Failures are rare and go to one list under a lock: all are counted, the first are kept in words.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "ledger.hpp"
#include "value.hpp"

namespace stress {

enum class isolation { read_committed, repeatable_read, serializable };
constexpr size_t isolation_kinds = 3;
const char* name_of(isolation level);

// How a writer invalidates.
enum class change {
  erase,       // cache_delete
  through,     // cache_set(fresh => true)
  tag,         // cache_invalidate_tags of the key's own tag
  owner,       // ... of a tag that several keys share
  tag_class,   // ... of the class
  trigger,     // nothing: cache_invalidate_on does it
  bulk,        // several rows in one statement, by trigger
  fill_first,  // fill, then change, in one transaction
  refill,      // change, then fill, in one transaction
  cursor,      // a fill through a cursor that is older than the change
  count
};
constexpr size_t change_kinds = static_cast<size_t>(change::count);
const char* name_of(change kind);

// How a writer ends.
enum class ending { commit, rollback, error, prepared_commit, prepared_rollback, count };
constexpr size_t ending_kinds = static_cast<size_t>(ending::count);
const char* name_of(ending kind);

struct fill_count {
  int64_t attempts = 0;
  int64_t hits = 0;
  int64_t misses = 0;
  int64_t accepted = 0;
  int64_t refused = 0;
  int64_t seen = 0;  // hits, by whomever, on values that were stored this way
};

struct tally {
  std::array<fill_count, static_cast<size_t>(filler::count)> fills;
  std::array<int64_t, change_kinds> changes{};  // committed
  std::array<int64_t, ending_kinds> endings{};
  std::array<int64_t, isolation_kinds> hits{};
  std::array<int64_t, isolation_kinds> commits{};
  int64_t reads = 0;             // through the cache, hit or miss
  int64_t compared = 0;          // hits compared with the table in the same snapshot
  int64_t own_reads = 0;         // a writer's reads of what it changed
  int64_t savepoints = 0;        // rolled back within a transaction that went on
  int64_t marked = 0;            // values that the cache itself marked as stale
  int64_t retries = 0;           // after 40001 or 40P01
  int64_t superseded = 0;        // a newer version was already there
  int64_t dropped = 0;           // keys deleted from the cache without a change
  int64_t skipped = 0;           // blind fills given up because they had taken too long
  int64_t settled_compared = 0;  // hits compared with the table after everything had ended

  fill_count& of(filler by) { return fills[static_cast<size_t>(by)]; }
  void add(const tally& other);
};

enum class failure_kind {
  stale,
  backwards,
  rolled_back,
  uncommitted,
  snapshot,  // a hit under REPEATABLE READ that the table's value in that snapshot differs from
  own,       // a transaction did not see its own change
  torn,      // no value that anybody stored
  marked,    // a value marked as stale that had been stale for longer than was allowed
  final,     // a hit after everything had ended that the table differs from
  error,     // an unexpected SQL error, a lost connection
  count
};
constexpr size_t failure_kinds = static_cast<size_t>(failure_kind::count);
const char* name_of(failure_kind kind);

struct failure {
  failure_kind kind = failure_kind::error;
  subject key;
  std::string reader;  // the operation that saw it
  isolation level = isolation::read_committed;
  floor_mark floor;
  cached_value seen;
  int64_t expected = 0;  // the table's value, where there is one
  double at = 0;         // seconds since the start
  std::string detail;

  std::string text() const;
};

class failure_log {
 public:
  void add(failure what);
  // This blind fill took longer than the guard and was accepted: what it stored proves nothing.
  void excuse(int64_t nonce);

  // After all threads have ended: drops the excused ones.
  int64_t settle();
  int64_t count(failure_kind kind) const { return counts_[static_cast<size_t>(kind)]; }
  // Stale ones whose writer had not only committed but invalidated as well.
  int64_t stale_after_invalidation() const { return after_invalidation_; }
  int64_t total() const;
  const std::vector<failure>& first() const { return kept_; }

 private:
  std::mutex lock_;
  std::array<int64_t, failure_kinds> counts_{};
  int64_t after_invalidation_ = 0;
  std::map<int64_t, std::array<int64_t, failure_kinds>> by_nonce_;  // of failures, to excuse them
  std::set<int64_t> excused_;
  std::vector<failure> kept_;
};

}  // namespace stress

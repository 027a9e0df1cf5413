// What is known of every key outside of the cache: which versions were asked to be committed, which
// were acknowledged, which somebody saw, which failed. Readers note a floor BEFORE they send a read
// and judge what came back against it. Readers need atomics only; what is rarely asked for is under
// a lock.
//
// Also the timetable: every group of keys is left unchanged for longer than the guard of blind
// fills in turn, so that blind fills are accepted now and then, and race with the first change
// afterwards.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace stress {

// Two tables: `item` invalidates by hand, `watched` through cache_invalidate_on.
enum class family { item, watched };

constexpr int groups = 8;   // keys of one group are quiet together, and share a tag class
constexpr int owners = 16;  // a multiple of groups: an owner's keys are of one group

struct subject {
  family table = family::item;
  int index = 0;

  int group() const { return index % groups; }
  int owner() const { return index % owners; }
  bool operator==(const subject&) const = default;
};

struct floor_mark {
  int64_t acknowledged = 0;  // highest version whose COMMIT had returned
  int64_t settled = 0;       // highest version whose writer had finished (Redis: after its DEL)
  int64_t observed = 0;      // highest version that a read had returned
};

enum class verdict {
  fine,
  stale,        // older than an acknowledged commit
  backwards,    // older than what another reader had seen already
  rolled_back,  // from a transaction that did not commit
  uncommitted   // nobody had yet asked to commit it
};

class ledger {
 public:
  ledger(int keys, double guard_seconds);

  int keys() const { return keys_; }

  floor_mark floor(subject s) const;
  // To be called after the answer arrived. A good version becomes part of the observed floor.
  verdict judge(subject s, const floor_mark& floor, int64_t version);

  // A version for a change that is meant to be committed; higher than all before, never used twice.
  int64_t issue(subject s);
  // Versions for changes that are meant to be rolled back are negative.
  int64_t issue_doomed() { return -doomed_.fetch_add(1); }
  void about_to_commit(subject s, int64_t version);
  void commit_failed(subject s, int64_t version);
  void acknowledge(subject s, int64_t version);
  void settle(subject s, int64_t version);
  // The highest version that was acknowledged at least so long ago.
  int64_t acknowledged_before(subject s, double seconds_ago) const;

  // The timetable starts; keys may be changed at all only when they are not quiet.
  void start();
  bool quiet(subject s) const;
  double elapsed() const;
  // Long enough for one group to have had its quiet time.
  double shortest_useful_run() const { return quiet_seconds_; }

 private:
  struct alignas(64) state {
    std::atomic<int64_t> issued{1};
    std::atomic<int64_t> attempted{1};
    std::atomic<int64_t> acknowledged{1};
    std::atomic<int64_t> settled{1};
    std::atomic<int64_t> observed{1};
    std::atomic<int> failures{0};
    std::mutex lock;
    std::set<int64_t> failed;                        // under lock
    std::deque<std::pair<double, int64_t>> history;  // under lock: when which was acknowledged
  };

  state& of(subject s) const { return states_[static_cast<int>(s.table) * keys_ + s.index]; }

  const int keys_;
  const double quiet_seconds_;
  std::unique_ptr<state[]> states_;
  std::atomic<int64_t> doomed_{1};
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace stress

// Reporting. A line `check NAME: passed|failed` for every kind of check, for scripts to count, and
// a line `summary ...` of name=value pairs. Coverage is a check like the others: a run in which
// some way of filling never stored anything, or was never hit, could not have failed.
#include "report.hpp"

#include <array>
#include <cstdio>
#include <string>

namespace stress {
namespace {

constexpr int most_printed = 4;  // of each kind

void print_fills(const tally& counts) {
  std::printf("\n%-13s %10s %10s %10s %10s %10s %10s\n", "fill", "attempts", "hits", "misses",
              "accepted", "refused", "seen");
  for (size_t i = 0; i < counts.fills.size(); ++i) {
    const fill_count& one = counts.fills[i];
    if (one.attempts == 0 && one.seen == 0) continue;
    std::printf("%-13s %10lld %10lld %10lld %10lld %10lld %10lld\n",
                name_of(static_cast<filler>(i)), static_cast<long long>(one.attempts),
                static_cast<long long>(one.hits), static_cast<long long>(one.misses),
                static_cast<long long>(one.accepted), static_cast<long long>(one.refused),
                static_cast<long long>(one.seen));
  }
}

template <typename Kind, size_t size>
void print_row(const char* title, const std::array<int64_t, size>& values) {
  std::printf("%s:", title);
  for (size_t i = 0; i < size; ++i) {
    std::printf("%s %s %lld", i == 0 ? "" : ",", name_of(static_cast<Kind>(i)),
                static_cast<long long>(values[i]));
  }
  std::printf("\n");
}

void print_counts(const tally& counts, int64_t excused, bool redis) {
  print_fills(counts);
  std::printf("\n");
  if (!redis) print_row<change>("changes committed", counts.changes);
  print_row<ending>("transactions ended", counts.endings);
  print_row<isolation>("commits", counts.commits);
  print_row<isolation>("hits", counts.hits);
  std::printf(
      "compared with the snapshot %lld, own reads %lld, savepoints rolled back %lld, "
      "marked stale %lld,\nretried %lld, superseded %lld, dropped without a change %lld, "
      "slow blind fills skipped %lld, excused %lld\n",
      static_cast<long long>(counts.compared), static_cast<long long>(counts.own_reads),
      static_cast<long long>(counts.savepoints), static_cast<long long>(counts.marked),
      static_cast<long long>(counts.retries), static_cast<long long>(counts.superseded),
      static_cast<long long>(counts.dropped), static_cast<long long>(counts.skipped),
      static_cast<long long>(excused));
}

class coverage {
 public:
  void demand(int64_t count, const std::string& what) {
    if (count > 0) return;
    std::printf("%s%s", complete_ ? "\nnever happened: " : ", ", what.c_str());
    complete_ = false;
  }
  bool complete() const {
    if (!complete_) std::printf("\n");
    return complete_;
  }

 private:
  bool complete_ = true;
};

bool covered(const tally& counts) {
  coverage all;
  for (const filler by :
       {filler::statements, filler::pool, filler::statement, filler::transaction, filler::fetch,
        filler::lease, filler::procedure, filler::many, filler::snapshot}) {
    const fill_count& one = counts.fills[static_cast<size_t>(by)];
    const std::string name = std::string("fill ") + name_of(by);
    all.demand(one.hits, name + " hit");
    // Whether cache_fetch stored its value is not told; that somebody hit it tells.
    if (by != filler::fetch) all.demand(one.accepted, name + " accepted");
    all.demand(one.seen, name + " seen by others");
  }
  for (const filler by : {filler::through, filler::refill}) {
    all.demand(counts.fills[static_cast<size_t>(by)].seen,
               std::string("fill ") + name_of(by) + " seen by others");
  }
  for (size_t i = 0; i < counts.changes.size(); ++i) {
    all.demand(counts.changes[i], std::string("change ") + name_of(static_cast<change>(i)));
  }
  for (size_t i = 0; i < counts.endings.size(); ++i) {
    all.demand(counts.endings[i], std::string("ending ") + name_of(static_cast<ending>(i)));
  }
  for (size_t i = 0; i < counts.commits.size(); ++i) {
    all.demand(counts.commits[i], std::string("commit ") + name_of(static_cast<isolation>(i)));
  }
  for (const isolation level : {isolation::read_committed, isolation::repeatable_read}) {
    all.demand(counts.hits[static_cast<size_t>(level)], std::string("hit ") + name_of(level));
  }
  all.demand(counts.compared, "hit compared with the table");
  all.demand(counts.own_reads, "own read");
  all.demand(counts.savepoints, "savepoint rolled back");
  all.demand(counts.fills[static_cast<size_t>(filler::imported)].attempts, "imported snapshot");
  all.demand(counts.settled_compared, "hit after the end");
  return all.complete();
}

double per_million(int64_t count, int64_t of) {
  return of == 0 ? 0 : 1e6 * static_cast<double>(count) / static_cast<double>(of);
}

void print_failures(const failure_log& failures) {
  if (failures.total() == 0) return;
  std::printf("\n%lld failures, the first:\n", static_cast<long long>(failures.total()));
  std::array<int, failure_kinds> printed{};
  for (const failure& one : failures.first()) {
    if (++printed[static_cast<size_t>(one.kind)] > most_printed) continue;
    std::printf("  %s\n", one.text().c_str());
  }
}

}  // namespace

bool report(const options& chosen, const tally& counts, const failure_log& failures,
            int64_t excused, double seconds) {
  const bool redis = chosen.mode == cache_kind::redis;
  const char* mode = redis ? "redis" : "stash";
  int64_t hits = 0;
  for (const int64_t one : counts.hits) hits += one;
  std::printf("stash-stress: mode %s, 2 x %d keys, %d connections, %.1f s, seed %llu\n", mode,
              chosen.keys, chosen.connections, seconds,
              static_cast<unsigned long long>(chosen.seed));
  print_counts(counts, excused, redis);
  print_failures(failures);
  const bool whole = redis || covered(counts);
  std::printf("\n");
  bool passed = true;
  for (size_t i = 0; i < failure_kinds; ++i) {
    const auto kind = static_cast<failure_kind>(i);
    const int64_t count = failures.count(kind);
    std::printf("check %s: %s", name_of(kind), count == 0 ? "passed" : "failed");
    if (count != 0) std::printf(" (%lld)", static_cast<long long>(count));
    std::printf("\n");
    passed = passed && (count == 0 || (!chosen.fail_on_stale && kind != failure_kind::error));
  }
  if (!redis) std::printf("check coverage: %s\n", whole ? "passed" : "failed");
  const int64_t stale = failures.count(failure_kind::stale);
  std::printf(
      "summary mode=%s keys=%d seconds=%.1f reads=%lld hits=%lld commits=%lld stale=%lld "
      "backwards=%lld snapshot=%lld compared=%lld stale_per_million=%.1f "
      "deleted_per_million=%.1f "
      "snapshot_per_million=%.1f\n",
      mode, chosen.keys, seconds, static_cast<long long>(counts.reads),
      static_cast<long long>(hits),
      static_cast<long long>(counts.endings[0] +
                             counts.endings[static_cast<size_t>(ending::prepared_commit)]),
      static_cast<long long>(stale),
      static_cast<long long>(failures.count(failure_kind::backwards)),
      static_cast<long long>(failures.count(failure_kind::snapshot)),
      static_cast<long long>(counts.compared), per_million(stale, counts.reads),
      per_million(failures.stale_after_invalidation(), counts.reads),
      per_million(failures.count(failure_kind::snapshot), counts.compared));
  return passed && whole;
}

}  // namespace stress

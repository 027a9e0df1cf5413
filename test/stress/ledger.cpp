// The ledger; see the header for what it promises.
#include "ledger.hpp"

#include <algorithm>
#include <cmath>

namespace stress {
namespace {

// How long a group stays quiet beyond the guard: in this time its blind fills are accepted.
constexpr double quiet_margin_seconds = 3.0;

// Enough for what is asked about: a second or so of the past.
constexpr size_t most_remembered = 500;

void raise(std::atomic<int64_t>& highest, int64_t value) {
  int64_t seen = highest.load();
  while (seen < value && !highest.compare_exchange_weak(seen, value)) {
  }
}

}  // namespace

ledger::ledger(int keys, double guard_seconds)
    : keys_(keys),
      quiet_seconds_(guard_seconds + quiet_margin_seconds),
      states_(new state[2 * static_cast<size_t>(keys)]) {}

floor_mark ledger::floor(subject s) const {
  const state& key = of(s);
  return {key.acknowledged.load(), key.settled.load(), key.observed.load()};
}

verdict ledger::judge(subject s, const floor_mark& floor, int64_t version) {
  state& key = of(s);
  if (version <= 0) return verdict::rolled_back;
  if (version > key.attempted.load()) return verdict::uncommitted;
  if (key.failures.load() > 0) {
    const std::lock_guard hold(key.lock);
    if (key.failed.contains(version)) return verdict::rolled_back;
  }
  if (version < floor.acknowledged) return verdict::stale;
  if (version < floor.observed) return verdict::backwards;
  raise(key.observed, version);
  return verdict::fine;
}

int64_t ledger::issue(subject s) { return of(s).issued.fetch_add(1) + 1; }

void ledger::about_to_commit(subject s, int64_t version) { raise(of(s).attempted, version); }

void ledger::commit_failed(subject s, int64_t version) {
  state& key = of(s);
  const std::lock_guard hold(key.lock);
  key.failed.insert(version);
  key.failures.fetch_add(1);
}

void ledger::acknowledge(subject s, int64_t version) {
  state& key = of(s);
  raise(key.acknowledged, version);
  const std::lock_guard hold(key.lock);
  key.history.emplace_back(elapsed(), version);
  if (key.history.size() > most_remembered) key.history.pop_front();
}

int64_t ledger::acknowledged_before(subject s, double seconds_ago) const {
  state& key = of(s);
  const double then = elapsed() - seconds_ago;
  const std::lock_guard hold(key.lock);
  int64_t highest = 0;
  for (const auto& [when, version] : key.history) {
    if (when <= then) highest = std::max(highest, version);
  }
  return highest;
}

void ledger::settle(subject s, int64_t version) { raise(of(s).settled, version); }

void ledger::start() { begin_ = std::chrono::steady_clock::now(); }

double ledger::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

bool ledger::quiet(subject s) const {
  // Half of every cycle is quiet, each group begins an eighth of a cycle after the one before.
  const double cycle = 2 * quiet_seconds_;
  const double shifted = elapsed() + cycle - cycle * s.group() / groups;
  return std::fmod(shifted, cycle) < quiet_seconds_;
}

}  // namespace stress

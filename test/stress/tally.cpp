// Names, sums and the failure list.
#include "tally.hpp"

#include <cstdio>

namespace stress {
namespace {

constexpr int64_t most_kept = 50;  // of each kind

}  // namespace

const char* name_of(isolation level) {
  switch (level) {
    case isolation::read_committed:
      return "read committed";
    case isolation::repeatable_read:
      return "repeatable read";
    case isolation::serializable:
      return "serializable";
  }
  return "?";
}

const char* name_of(change kind) {
  constexpr std::array<const char*, change_kinds> names = {
      "delete",  "write-through", "tag",          "shared tag",   "tag class",
      "trigger", "bulk trigger",  "fill, change", "change, fill", "old cursor"};
  return names[static_cast<size_t>(kind)];
}

const char* name_of(ending kind) {
  constexpr std::array<const char*, ending_kinds> names = {"commit", "rollback", "error",
                                                           "commit prepared", "rollback prepared"};
  return names[static_cast<size_t>(kind)];
}

const char* name_of(failure_kind kind) {
  constexpr std::array<const char*, failure_kinds> names = {
      "stale",     "backwards", "rolled-back", "uncommitted", "snapshot",
      "own-write", "torn",      "marked",      "final",       "error"};
  return names[static_cast<size_t>(kind)];
}

void tally::add(const tally& other) {
  for (size_t i = 0; i < fills.size(); ++i) {
    fills[i].attempts += other.fills[i].attempts;
    fills[i].hits += other.fills[i].hits;
    fills[i].misses += other.fills[i].misses;
    fills[i].accepted += other.fills[i].accepted;
    fills[i].refused += other.fills[i].refused;
    fills[i].seen += other.fills[i].seen;
  }
  for (size_t i = 0; i < changes.size(); ++i) changes[i] += other.changes[i];
  for (size_t i = 0; i < endings.size(); ++i) endings[i] += other.endings[i];
  for (size_t i = 0; i < hits.size(); ++i) hits[i] += other.hits[i];
  for (size_t i = 0; i < commits.size(); ++i) commits[i] += other.commits[i];
  reads += other.reads;
  compared += other.compared;
  own_reads += other.own_reads;
  savepoints += other.savepoints;
  marked += other.marked;
  retries += other.retries;
  superseded += other.superseded;
  dropped += other.dropped;
  skipped += other.skipped;
  settled_compared += other.settled_compared;
}

std::string failure::text() const {
  if (kind == failure_kind::error) return reader + ": " + detail;
  char line[400];
  std::snprintf(line, sizeof line,
                "%-11s %7.3f s  %s %d read by %s (%s): saw %lld, stored by %s (nonce %lld); "
                "acknowledged %lld, settled %lld, observed %lld",
                name_of(kind), at, key.table == family::item ? "item" : "watched", key.index,
                reader.c_str(), name_of(level), static_cast<long long>(seen.version),
                name_of(seen.by), static_cast<long long>(seen.nonce),
                static_cast<long long>(floor.acknowledged), static_cast<long long>(floor.settled),
                static_cast<long long>(floor.observed));
  std::string text = line;
  if (expected != 0) text += "; the table has " + std::to_string(expected);
  if (!detail.empty()) text += "; " + detail;
  return text;
}

void failure_log::add(failure what) {
  const std::lock_guard hold(lock_);
  const int64_t nth = ++counts_[static_cast<size_t>(what.kind)];
  if (what.kind == failure_kind::stale && what.seen.version < what.floor.settled) {
    ++after_invalidation_;
  }
  if (what.seen.nonce != 0) ++by_nonce_[what.seen.nonce][static_cast<size_t>(what.kind)];
  if (nth <= most_kept) kept_.push_back(std::move(what));
}

void failure_log::excuse(int64_t nonce) {
  const std::lock_guard hold(lock_);
  excused_.insert(nonce);
}

int64_t failure_log::settle() {
  const std::lock_guard hold(lock_);
  int64_t dropped = 0;
  for (const int64_t nonce : excused_) {
    const auto found = by_nonce_.find(nonce);
    if (found == by_nonce_.end()) continue;
    for (size_t kind = 0; kind < failure_kinds; ++kind) {
      counts_[kind] -= found->second[kind];
      dropped += found->second[kind];
    }
  }
  std::erase_if(kept_, [&](const failure& one) { return excused_.contains(one.seen.nonce); });
  return dropped;
}

int64_t failure_log::total() const {
  int64_t sum = 0;
  for (const int64_t count : counts_) sum += count;
  return sum;
}

}  // namespace stress

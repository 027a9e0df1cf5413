// A writer's transaction from BEGIN to its end: an isolation level, perhaps a savepoint that is
// rolled back, one or more changes, a look at its own work, and one of five endings. It is tried
// again as a whole, with new versions, after a serialization failure or a deadlock.
//
// The order that the ledger rests on: about_to_commit() before COMMIT is sent, acknowledge() after
// it returned. What is known not to have been committed is entered as failed.
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "operations.hpp"

namespace stress {
namespace {

constexpr int most_attempts = 5;

struct part {
  subject key;
  change kind = change::trigger;
  int64_t version = 0;
  floor_mark floor;
};

struct plan {
  std::vector<part> parts;  // in one order of keys, so that deadlocks stay rare
  ending end = ending::commit;
  isolation level = isolation::read_committed;
  bool savepoint = false;  // rolled back before the changes
  bool released = false;   // the changes stand in a savepoint that is released
  bool twice = false;      // the first key is changed twice

  bool doomed() const {
    return end == ending::rollback || end == ending::error || end == ending::prepared_rollback;
  }
};

ending choose_ending(worker& w) {
  const int64_t dice = w.below(100);
  if (dice < 70) return ending::commit;
  if (dice < 79) return ending::rollback;
  if (dice < 83) return ending::error;
  return dice < 95 ? ending::prepared_commit : ending::prepared_rollback;
}

isolation choose_isolation(worker& w) {
  const int64_t dice = w.below(100);
  if (dice < 60) return isolation::read_committed;
  return dice < 85 ? isolation::repeatable_read : isolation::serializable;
}

void add_key(plan& chosen, std::optional<subject> s, change kind) {
  if (!s) return;
  for (const part& other : chosen.parts) {
    if (other.key == *s) return;
  }
  chosen.parts.push_back({*s, kind, 0, {}});
  std::sort(chosen.parts.begin(), chosen.parts.end(), [](const part& a, const part& b) {
    return a.key.table != b.key.table ? a.key.table < b.key.table : a.key.index < b.key.index;
  });
}

plan choose(worker& w) {
  plan chosen;
  chosen.end = choose_ending(w);
  chosen.level = choose_isolation(w);
  const std::optional<subject> first = w.changeable_key();
  if (!first) return chosen;
  const change kind = choose_change(w, *first);
  add_key(chosen, first, kind);
  if (kind == change::bulk) {
    for (int64_t more = 1 + w.below(3); more > 0; --more) {
      std::optional<subject> next = w.changeable_key();
      if (next && next->table == family::watched) add_key(chosen, next, kind);
    }
    return chosen;
  }
  if (w.chance(20)) {
    const std::optional<subject> second = w.changeable_key();
    change other = second ? choose_change(w, *second) : kind;
    if (other == change::bulk) other = change::trigger;
    add_key(chosen, second, other);
  }
  chosen.savepoint = w.chance(15);
  chosen.released = w.chance(15);
  chosen.twice = w.chance(10);
  return chosen;
}

// False when a newer version was already there.
bool change_in_bulk(connection& one, plan& chosen) {
  std::string ids = "{", versions = "{";
  for (const part& it : chosen.parts) {
    ids += (ids.size() > 1 ? "," : "") + std::to_string(it.key.index);
    versions += (versions.size() > 1 ? "," : "") + std::to_string(it.version);
  }
  const result changed = one.run(statements_of(family::watched).bulk, {ids + '}', versions + '}'});
  return changed.rows() == static_cast<int>(chosen.parts.size());
}

// A transaction sees its own change or nothing at all.
void look_at_own(worker& w, connection& one, const plan& chosen, const part& it) {
  if (w.redis != nullptr) return;
  ++w.counts.own_reads;
  const result cached = one.run(cache_get, {w.called.key(it.key)});
  if (cached.null()) return;
  const auto value = decode(cached.text());
  if (value && value->version == it.version) return;
  w.fail(failure_kind::own, it.key, name_of(it.kind), chosen.level, it.floor,
         value.value_or(cached_value()), it.version, "a writer's look at its own change");
}

// A change with its invalidation, rolled back: afterwards the transaction sees what others see.
void change_and_roll_back(worker& w, connection& one, const plan& chosen, const part& it) {
  one.run("savepoint doubtful");
  const change kind = choose_change(w, it.key);
  apply(w, one, it.key, w.known.issue_doomed(), kind);
  w.think();
  one.run("rollback to savepoint doubtful");
  ++w.counts.savepoints;
  if (w.redis != nullptr || w.chance(50)) return;
  const result cached = one.run(cache_get, {w.called.key(it.key)});
  if (!cached.null()) w.hit(it.key, filler::refill, chosen.level, it.floor, cached.text());
}

bool make_changes(worker& w, connection& one, plan& chosen) {
  if (chosen.parts.front().kind == change::bulk) {
    if (chosen.doomed()) {
      for (part& it : chosen.parts) apply(w, one, it.key, it.version, change::trigger);
      return true;
    }
    return change_in_bulk(one, chosen);
  }
  if (chosen.savepoint) change_and_roll_back(w, one, chosen, chosen.parts.front());
  if (chosen.released) one.run("savepoint kept");
  for (part& it : chosen.parts) {
    if (!apply(w, one, it.key, it.version, it.kind)) return false;
    w.think();
  }
  part& again = chosen.parts.front();
  if (chosen.twice && !chosen.doomed()) {
    // The version before is never committed, though a higher one is.
    w.known.commit_failed(again.key, again.version);
    again.version = w.known.issue(again.key);
    again.kind = choose_change(w, again.key);
    if (!apply(w, one, again.key, again.version, again.kind)) return false;
  }
  if (chosen.released) one.run("release savepoint kept");
  return true;
}

void demand(const result& ended, const char* tag) {
  if (!ended.tagged(tag)) throw sql_error("XX000", std::string("no ") + tag + " but another end");
}

void commit_prepared(worker& w, pool::borrowed& one, const plan& chosen) {
  const std::string gid =
      "'stress-" + std::to_string(getpid()) + '-' + std::to_string(w.nonce()) + '\'';
  demand(one->run("prepare transaction " + gid), "PREPARE TRANSACTION");
  one.give_back();
  w.think();
  auto other = w.borrow();
  if (chosen.doomed()) {
    other->run("rollback prepared " + gid);
    return;
  }
  for (const part& it : chosen.parts) w.known.about_to_commit(it.key, it.version);
  try {
    other->run("commit prepared " + gid);
  } catch (const sql_error&) {
    other->run("rollback prepared " + gid);
    throw;
  }
}

void end(worker& w, pool::borrowed& one, const plan& chosen) {
  switch (chosen.end) {
    case ending::rollback:
      one->run("rollback");
      return;
    case ending::error:
      try {
        one->run("select 1/0");
      } catch (const sql_error&) {
      }
      demand(one->run("commit"), "ROLLBACK");
      return;
    case ending::prepared_commit:
    case ending::prepared_rollback:
      commit_prepared(w, one, chosen);
      return;
    default:
      for (const part& it : chosen.parts) w.known.about_to_commit(it.key, it.version);
      demand(one->run("commit"), "COMMIT");
  }
}

void note_success(worker& w, const plan& chosen) {
  ++w.counts.endings[static_cast<size_t>(chosen.end)];
  if (chosen.doomed()) return;
  for (const part& it : chosen.parts) w.known.acknowledge(it.key, it.version);
  ++w.counts.commits[static_cast<size_t>(chosen.level)];
  for (const part& it : chosen.parts) {
    ++w.counts.changes[static_cast<size_t>(it.kind)];
    if (w.redis != nullptr) delete_aside(w, it.key);
    w.known.settle(it.key, it.version);
  }
}

// False when it has to be tried again.
bool attempt(worker& w, plan chosen) {
  for (part& it : chosen.parts) {
    it.version = chosen.doomed() ? w.known.issue_doomed() : w.known.issue(it.key);
    it.floor = w.known.floor(it.key);
  }
  auto one = w.borrow();
  try {
    one->run("begin isolation level " + std::string(name_of(chosen.level)));
    if (!make_changes(w, *one, chosen)) {
      one->run("rollback");
      ++w.counts.superseded;
      return false;
    }
    if (w.chance(30)) look_at_own(w, *one, chosen, chosen.parts.front());
    end(w, one, chosen);
  } catch (const sql_error& error) {
    if (!error.lost() && !chosen.doomed()) {
      for (const part& it : chosen.parts) w.known.commit_failed(it.key, it.version);
    }
    if (!error.retryable()) throw;
    ++w.counts.retries;
    return false;
  }
  note_success(w, chosen);
  return true;
}

}  // namespace

void write(worker& w) {
  const plan chosen = choose(w);
  if (chosen.parts.empty()) return;
  for (int i = 0; i < most_attempts; ++i) {
    if (attempt(w, chosen)) return;
  }
}

}  // namespace stress

// Every way of filling: look into the cache, on a miss read the table and store what was read.
// The floor is always noted before the read that it judges is sent.
#include <chrono>
#include <vector>

#include "operations.hpp"

namespace stress {
namespace {

constexpr isolation autocommit = isolation::read_committed;

// The ledger's clock is not the server's.
constexpr double clock_slack_seconds = 0.02;

// A blind fill promises to be faster than the guard. One that was not is not sent, or, when the
// server took so long, excused: that much the documentation grants.
class blind_watch {
 public:
  explicit blind_watch(const worker& w) : guard_(w.guard_seconds) {}
  bool too_late_to_send() const { return elapsed() > guard_ / 2; }
  bool too_late() const { return elapsed() >= guard_; }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  const double guard_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

int64_t select_value(worker& w, connection& one, subject s, filler by, isolation level,
                     const floor_mark& floor) {
  const int64_t version = one.run(statements_of(s.table).select, {s.index}).number();
  w.from_table(s, by, level, floor, version);
  return version;
}

bool set(worker& w, connection& one, subject s, const cached_value& value) {
  return !one.run(cache_set, {w.called.key(s), encode(value), w.called.tags(s), w.ttl()}).null();
}

void set_blind(worker& w, connection& one, subject s, const cached_value& value,
               const blind_watch& watch) {
  if (watch.too_late_to_send()) {
    ++w.counts.skipped;
    return;
  }
  const bool accepted = set(w, one, s, value);
  w.filled(value.by, accepted);
  if (accepted && watch.too_late()) w.failures.excuse(value.nonce);
}

// A value that the cache itself says is stale. It may be as old as it says, and must have been
// committed once: `oldest` is what had been acknowledged before the time for which it may be shown.
void check_marked(worker& w, subject s, std::string_view json, const floor_mark& floor,
                  int64_t oldest) {
  ++w.counts.marked;
  const auto value = decode(json);
  const bool known = value && w.known.judge(s, {}, value->version) == verdict::fine;
  if (known && value->version >= oldest) return;
  w.fail(failure_kind::marked, s, name_of(filler::lease), autocommit, floor,
         value.value_or(cached_value()), 0,
         "marked stale; long ago acknowledged: " + std::to_string(oldest));
}

// An array literal with every element quoted.
class array_literal {
 public:
  void add(std::string_view element) {
    text_ += text_.empty() ? "{\"" : ",\"";
    for (const char letter : element) {
      if (letter == '"' || letter == '\\') text_ += '\\';
      text_ += letter;
    }
    text_ += '"';
  }
  std::string text() const { return text_.empty() ? "{}" : text_ + '}'; }

 private:
  std::string text_;
};

// This key and two others of its table, each once.
std::vector<subject> with_others(worker& w, subject s) {
  const int keys = w.known.keys();
  const int step = 1 + static_cast<int>(w.below(keys / 2 - 1));
  return {s, {s.table, (s.index + step) % keys}, {s.table, (s.index + 2 * step) % keys}};
}

std::vector<floor_mark> floors_of(worker& w, const std::vector<subject>& subjects, filler by) {
  std::vector<floor_mark> floors;
  for (const subject& one : subjects) floors.push_back(w.known.floor(one));
  w.counts.of(by).attempts += static_cast<int64_t>(subjects.size());
  return floors;
}

}  // namespace

void fill_by_statements(worker& w, subject s) {
  constexpr filler by = filler::statements;
  ++w.counts.of(by).attempts;
  auto one = w.borrow();
  const floor_mark floor = w.known.floor(s);
  const result cached = one->run(cache_get, {w.called.key(s)});
  if (!cached.null()) {
    w.hit(s, by, autocommit, floor, cached.text());
    return;
  }
  w.miss(by);
  w.think();
  const blind_watch watch(w);
  const int64_t version = select_value(w, *one, s, by, autocommit, floor);
  w.think();
  set_blind(w, *one, s, {version, w.nonce(), by}, watch);
}

void fill_through_pool(worker& w, subject s) {
  constexpr filler by = filler::pool;
  ++w.counts.of(by).attempts;
  const floor_mark floor = w.known.floor(s);
  {
    auto first = w.borrow();
    const result cached = first->run(cache_get, {w.called.key(s)});
    if (!cached.null()) {
      w.hit(s, by, autocommit, floor, cached.text());
      return;
    }
  }
  w.miss(by);
  w.dawdle();
  const blind_watch watch(w);
  int64_t version = 0;
  {
    auto second = w.borrow();
    version = select_value(w, *second, s, by, autocommit, floor);
  }
  w.dawdle();
  auto third = w.borrow();
  set_blind(w, *third, s, {version, w.nonce(), by}, watch);
}

void fill_in_statement(worker& w, subject s) {
  constexpr filler by = filler::statement;
  ++w.counts.of(by).attempts;
  auto one = w.borrow();
  const floor_mark floor = w.known.floor(s);
  const result found = one->run(statements_of(s.table).one_statement,
                                {w.called.key(s), s.index, w.nonce(), w.called.tags(s), w.ttl()});
  if (!found.null(0, 0)) {
    w.hit(s, by, autocommit, floor, found.text(0, 0));
    return;
  }
  w.miss(by);
  w.from_table(s, by, autocommit, floor, found.number(0, 1));
  w.filled(by, !found.null(0, 2));
}

void fill_in_transaction(worker& w, subject s) {
  constexpr filler by = filler::transaction;
  ++w.counts.of(by).attempts;
  const isolation level = w.chance(50) ? isolation::read_committed : isolation::repeatable_read;
  auto one = w.borrow();
  one->run("begin isolation level " + std::string(name_of(level)) +
           (w.chance(20) ? " read only" : ""));
  if (w.chance(30)) w.think();
  const floor_mark floor = w.known.floor(s);
  const result cached = one->run(cache_get, {w.called.key(s)});
  if (!cached.null()) {
    const auto value = w.hit(s, by, level, floor, cached.text());
    if (level == isolation::repeatable_read && value) {
      w.think();
      const int64_t version = one->run(statements_of(s.table).select, {s.index}).number();
      ++w.counts.compared;
      if (version != value->version) {
        w.fail(failure_kind::snapshot, s, name_of(by), level, floor, *value, version);
      }
    }
    one->run("commit");
    return;
  }
  w.miss(by);
  w.think();
  const int64_t version = select_value(w, *one, s, by, level, floor);
  w.think();
  const bool accepted = set(w, *one, s, {version, w.nonce(), by});
  w.think();
  one->run("commit");
  w.filled(by, accepted);
}

void fill_by_fetch(worker& w, subject s) {
  constexpr filler by = filler::fetch;
  ++w.counts.of(by).attempts;
  const int64_t nonce = w.nonce();
  auto one = w.borrow();
  const floor_mark floor = w.known.floor(s);
  const result found = one->run(statements_of(s.table).fetch,
                                {w.called.key(s), s.index, nonce, w.called.tags(s), w.ttl()});
  const auto value = found.null() ? std::nullopt : decode(found.text());
  if (!value) {
    const std::string text = found.null() ? "NULL" : std::string(found.text());
    w.fail(failure_kind::torn, s, name_of(by), autocommit, floor, {}, 0, text);
  } else if (value->nonce != nonce) {
    w.hit(s, by, autocommit, floor, found.text());
  } else {
    // Computed by this call. Whether it was stored shows when somebody hits it.
    w.miss(by);
    w.from_table(s, by, autocommit, floor, value->version);
  }
}

void fill_with_lease(worker& w, subject s) {
  constexpr filler by = filler::lease;
  ++w.counts.of(by).attempts;
  const floor_mark floor = w.known.floor(s);
  const int64_t oldest = w.known.acknowledged_before(s, stale_ttl_seconds + clock_slack_seconds);
  std::string lease;
  {
    auto first = w.borrow();
    const result asked = first->run(cache_get_lease, {w.called.key(s)});
    const std::string_view state = asked.text(0, 1);
    if (state == "hit") {
      w.hit(s, by, autocommit, floor, asked.text(0, 0));
      return;
    }
    w.miss(by);
    if (state == "stale") check_marked(w, s, asked.text(0, 0), floor, oldest);
    if (asked.null(0, 2)) return;  // another caller computes
    lease = asked.text(0, 2);
  }
  if (w.chance(3)) return;  // a caller that dies; the others wait until the lease ends
  w.dawdle();
  int64_t version = 0;
  {
    auto second = w.borrow();
    version = select_value(w, *second, s, by, autocommit, floor);
  }
  w.dawdle();
  auto third = w.borrow();
  w.filled(by, !third
                    ->run(cache_set_lease, {w.called.key(s), encode({version, w.nonce(), by}),
                                            w.called.tags(s), w.ttl(), lease})
                    .null());
}

void fill_in_procedure(worker& w, subject s) {
  constexpr filler by = filler::procedure;
  const std::vector<subject> subjects = with_others(w, s);
  array_literal ids, keys, tags, nonces;
  for (const subject& one : subjects) {
    const std::string list = w.called.tags(one);
    ids.add(std::to_string(one.index));
    keys.add(w.called.key(one));
    tags.add(list.substr(1, list.size() - 2));
    nonces.add(std::to_string(w.nonce()));
  }
  auto one = w.borrow();
  const std::vector<floor_mark> floors = floors_of(w, subjects, by);
  const result done = one->run(
      statements_of(s.table).procedure,
      {ids.text(), keys.text(), tags.text(), nonces.text(), w.ttl(), w.chance(50) ? "t" : "f"});
  std::string_view lines = done.text(0, 0);
  const std::string_view letters = done.text(0, 1);
  for (size_t i = 0; i < subjects.size() && i < letters.size(); ++i) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    if (letters[i] == '-') {
      w.hit(subjects[i], by, autocommit, floors[i], line);
    } else {
      w.miss(by);
      w.filled(by, letters[i] == 't');
    }
  }
}

void fill_many(worker& w, subject s) {
  constexpr filler by = filler::many;
  const std::vector<subject> subjects = with_others(w, s);
  array_literal keys;
  for (const subject& one : subjects) keys.add(w.called.key(one));
  auto one = w.borrow();
  one->run("begin");
  const std::vector<floor_mark> floors = floors_of(w, subjects, by);
  const result cached = one->run(cache_get_many, {keys.text()});
  std::vector<size_t> missing;
  array_literal ids, missing_keys, values, tags;
  for (size_t i = 0; i < subjects.size(); ++i) {
    if (!cached.null(static_cast<int>(i), 0)) {
      w.hit(subjects[i], by, autocommit, floors[i], cached.text(static_cast<int>(i), 0));
      continue;
    }
    w.miss(by);
    missing.push_back(i);
    ids.add(std::to_string(subjects[i].index));
    missing_keys.add(w.called.key(subjects[i]));
    tags.add(w.called.tag(subjects[i]));
    if (s.table == family::item) tags.add(w.called.owner_tag(subjects[i]));
  }
  if (!missing.empty()) {
    w.think();
    const result read = one->run(statements_of(s.table).select_many, {ids.text()});
    for (size_t i = 0; i < missing.size(); ++i) {
      const int64_t version = read.number(static_cast<int>(i), 0);
      w.from_table(subjects[missing[i]], by, autocommit, floors[missing[i]], version);
      values.add(encode({version, w.nonce(), by}));
    }
    w.think();
    const int64_t accepted =
        one->run(cache_set_many, {missing_keys.text(), values.text(), tags.text(), w.ttl()})
            .number();
    w.counts.of(by).accepted += accepted;
    w.counts.of(by).refused += static_cast<int64_t>(missing.size()) - accepted;
  }
  one->run("commit");
}

}  // namespace stress

// Readers of one snapshot: what the cache says must be what the table says in the same snapshot,
// for every key that the transaction reads; and the last look when nothing runs any more.
#include <vector>

#include "operations.hpp"

namespace stress {
namespace {

struct reading {
  subject key;
  floor_mark floor;
};

void compare(worker& w, connection& one, const reading& what, filler by,
             const std::optional<cached_value>& cached, int64_t version) {
  if (cached) {
    ++w.counts.compared;
    if (cached->version != version) {
      w.fail(failure_kind::snapshot, what.key, name_of(by), isolation::repeatable_read, what.floor,
             *cached, version);
    }
    return;
  }
  w.think();
  const cached_value fresh = {version, w.nonce(), by};
  const bool says_so = w.chance(30);
  w.filled(by, !one.run(says_so ? cache_set_fresh : cache_set,
                        {w.called.key(what.key), encode(fresh), w.called.tags(what.key), w.ttl()})
                    .null());
}

std::optional<cached_value> ask_cache(worker& w, connection& one, const reading& what, filler by) {
  const result cached = one.run(cache_get, {w.called.key(what.key)});
  if (!cached.null()) {
    return w.hit(what.key, by, isolation::repeatable_read, what.floor, cached.text());
  }
  w.miss(by);
  return std::nullopt;
}

// The snapshot is there; both orders, pauses between.
void read_all(worker& w, connection& one, const std::vector<reading>& wanted, filler by) {
  const bool table_first = w.chance(30);
  for (const reading& what : wanted) {
    ++w.counts.of(by).attempts;
    const statement& select = statements_of(what.key.table).select;
    int64_t version = table_first ? one.run(select, {what.key.index}).number() : 0;
    if (table_first) w.think();
    const auto cached = ask_cache(w, one, what, by);
    if (!table_first) {
      w.think();
      version = one.run(select, {what.key.index}).number();
    }
    compare(w, one, what, by, cached, version);
  }
}

std::vector<reading> choose(worker& w) {
  std::vector<reading> wanted(1 + w.below(3));
  for (reading& one : wanted) one.key = w.any_key();
  for (reading& one : wanted) one.floor = w.known.floor(one.key);
  return wanted;
}

}  // namespace

void read_in_snapshot(worker& w) {
  auto one = w.borrow();
  const std::vector<reading> wanted = choose(w);
  one->run("begin isolation level repeatable read");
  if (w.chance(50)) {
    w.think();
    one->run("select 1");  // takes the snapshot
    w.think();
  }
  read_all(w, *one, wanted, filler::snapshot);
  one->run("commit");
}

void read_in_imported_snapshot(worker& w) {
  auto first = w.borrow();
  auto second = w.borrow();
  const std::vector<reading> wanted = choose(w);
  first->run("begin isolation level repeatable read");
  const std::string snapshot(first->run("select pg_export_snapshot()").text());
  w.think();
  second->run("begin isolation level repeatable read");
  second->run("set transaction snapshot '" + snapshot + "'");
  if (w.chance(50)) first->run("commit");
  read_all(w, *second, wanted, filler::imported);
  second->run("commit");
}

void read_settled(worker& w) {
  auto one = w.borrow();
  for (const family table : {family::item, family::watched}) {
    for (int i = 0; i < w.known.keys(); ++i) {
      const subject s = {table, i};
      const floor_mark floor = w.known.floor(s);
      const int64_t version = one->run(statements_of(table).select, {i}).number();
      const result cached = one->run(cache_get, {w.called.key(s)});
      if (cached.null()) continue;
      const auto value = decode(cached.text());
      ++w.counts.settled_compared;
      if (!value || value->version != version) {
        w.fail(failure_kind::final, s, "last look", isolation::read_committed, floor,
               value.value_or(cached_value()), version);
      }
    }
  }
}

}  // namespace stress

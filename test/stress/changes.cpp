// One change of one row with its invalidation, within an open transaction. A positive version is to
// be committed, a negative one to be rolled back. The table `item` is invalidated by hand, the
// table `watched` by its triggers.
#include "operations.hpp"

namespace stress {
namespace {

struct pending {
  worker& w;
  connection& one;
  subject key;
  int64_t version;

  bool by_hand() const { return key.table == family::item; }

  bool update() const {
    const table_statements& table = statements_of(key.table);
    const statement& how = version < 0 ? table.scribble : table.update;
    return one.run(how, {key.index, version}).rows() == 1;
  }

  void erase() const { one.run(cache_delete, {w.called.key(key)}); }

  void invalidate(const std::string& tag) const { one.run(cache_invalidate, {'{' + tag + '}'}); }

  void erase_or_invalidate() const {
    if (!by_hand()) return;
    w.chance(50) ? erase() : invalidate(w.called.tag(key));
  }

  // Before or after the change: the invalidation counts from the commit.
  template <typename Invalidate>
  bool around_update(Invalidate invalidate) const {
    const bool before = w.chance(30);
    if (before) invalidate();
    if (!update()) return false;
    w.think();
    if (!before) invalidate();
    return true;
  }

  bool set(int64_t read, filler by, bool fresh) const {
    return !one.run(fresh ? cache_set_fresh : cache_set,
                    {w.called.key(key), encode({read, w.nonce(), by}), w.called.tags(key), w.ttl()})
                .null();
  }

  int64_t select() const { return one.run(statements_of(key.table).select, {key.index}).number(); }

  bool change_and_erase() const {
    if (version < 0 || w.chance(60)) return around_update([&] { erase(); });
    return one.run(statements_of(key.table).update_erase, {key.index, version, w.called.key(key)})
               .rows() == 1;
  }

  bool write_through() const {
    if (!update()) return false;
    w.think();
    ++w.counts.of(filler::through).attempts;
    w.filled(filler::through, set(version, filler::through, true));
    return true;
  }

  bool fill_then_change() const {
    constexpr filler by = filler::fill_first;
    ++w.counts.of(by).attempts;
    const bool missed = one.run(cache_get, {w.called.key(key)}).null();
    const int64_t read = select();
    w.filled(by, set(read, by, !missed || w.chance(30)));
    w.think();
    if (!update()) return false;
    erase_or_invalidate();
    return true;
  }

  bool change_then_fill() const {
    constexpr filler by = filler::refill;
    if (!update()) return false;
    erase_or_invalidate();
    ++w.counts.of(by).attempts;
    if (!one.run(cache_get, {w.called.key(key)}).null()) {
      // The transaction itself invalidated this key, there is nothing that it may be shown.
      w.fail(failure_kind::own, key, name_of(by), isolation::read_committed, w.known.floor(key),
             {version, 0, filler::count}, 0, "a hit on what the same transaction invalidated");
    }
    ++w.counts.own_reads;
    w.think();
    w.filled(by, set(select(), by, false));
    return true;
  }

  bool change_under_cursor() const {
    constexpr filler by = filler::cursor;
    ++w.counts.of(by).attempts;
    one.run(cursor_sql(w.called, key, w.nonce()));
    if (!update()) return false;
    erase_or_invalidate();
    w.think();
    w.filled(by, !one.run("fetch all from old_cursor").null());
    one.run("close old_cursor");
    return true;
  }
};

}  // namespace

change choose_change(worker& w, subject s) {
  const int64_t dice = w.below(100);
  if (s.table == family::item) {
    if (dice < 20) return change::erase;
    if (dice < 42) return change::through;
    if (dice < 58) return change::tag;
    if (dice < 66) return change::owner;
    if (dice < 69) return change::tag_class;
  } else {
    if (dice < 45) return change::trigger;
    if (dice < 54) return change::through;
    if (dice < 69) return change::bulk;
  }
  if (dice < 80) return change::fill_first;
  return dice < 93 ? change::refill : change::cursor;
}

bool apply(worker& w, connection& one, subject s, int64_t version, change kind) {
  const pending it = {w, one, s, version};
  if (w.redis != nullptr) return it.update();
  switch (kind) {
    case change::erase:
      return it.change_and_erase();
    case change::through:
      return it.write_through();
    case change::tag:
      return it.around_update([&] { it.invalidate(w.called.tag(s)); });
    case change::owner:
      return it.around_update([&] { it.invalidate(w.called.owner_tag(s)); });
    case change::tag_class:
      return it.around_update([&] { it.invalidate(w.called.class_tag(s)); });
    case change::fill_first:
      return it.fill_then_change();
    case change::refill:
      return it.change_then_fill();
    case change::cursor:
      return it.change_under_cursor();
    default:
      return it.update();  // the trigger does the rest
  }
}

}  // namespace stress

// Collecting a transaction's operations, and what it sees of them (see transaction_log.hpp).
#include "store/transaction_log.hpp"

#include <algorithm>

#include "store/core_wall.hpp"

namespace stash {

// Few operations are found by looking at them; only a longer log pays for an index.
constexpr std::size_t small_log = 16;

namespace {
// Whether an operation is about one key or one tag.
bool is_named(operation what) {
  return what != operation::prefix && what != operation::clear_space &&
         what != operation::refused_space;
}
// Whether it concerns more than one key.
bool is_wide(operation what) {
  return what == operation::tag || what == operation::prefix || what == operation::clear_space;
}
std::size_t hash_of(const identity& id) { return id.low ^ id.high; }
}  // namespace

identity transaction_log::identity_at(std::uint32_t index) const {
  const pending& op = operations_[index];
  if (op.what == operation::tag) return {ids_[op.ids_at].low, ids_[op.ids_at].high};
  return {op.hash, op.space};
}

std::uint32_t transaction_log::last_of(const identity& id) const {
  if (!last_.empty())
    return last_.find(hash_of(id), [&](std::uint32_t i) { return identity_at(i) == id; });
  for (std::uint32_t i = static_cast<std::uint32_t>(operations_.size()); i-- > 0;) {
    if (!is_named(operations_[i].what)) continue;
    if (identity_at(i) == id) return i;
  }
  return none;
}

// The operation at `position` is the last on its key or tag.
void transaction_log::index_last(std::uint32_t position) {
  if (!is_named(operations_[position].what)) return;
  const identity id = identity_at(position);
  last_.set(hash_of(id), position, [&](std::uint32_t i) { return identity_at(i) == id; });
}

pending& transaction_log::append(operation what, space_index space, std::uint32_t subtransaction,
                                 const identity& id) {
  const auto index = static_cast<std::uint32_t>(operations_.size());
  const bool named = is_named(what);
  const std::uint32_t previous = named ? last_of(id) : none;
  // All that may throw comes before the operation is there: an aborted one is taken off again.
  const auto room_for_one_more = [](auto& list) {
    if (list.size() == list.capacity()) list.reserve(std::max<std::size_t>(8, 2 * list.size()));
  };
  if (is_wide(what)) room_for_one_more(wide_);
  if (what == operation::tag) room_for_one_more(ids_);
  room_for_one_more(operations_);
  if (index == small_log || (index > small_log && last_.full())) {
    last_.reset(index + 1);
    for (std::uint32_t i = 0; i < index; i++) index_last(i);
  }
  operations_.emplace_back();
  pending& op = operations_.back();
  op.what = what;
  op.space = space;
  op.subtransaction = subtransaction;
  op.previous = previous;
  if (what == operation::tag) {
    op.ids_at = static_cast<std::uint32_t>(ids_.size());
    op.ids_count = 1;
    ids_.push_back({id.low, id.high});
    tag_count_++;
  } else {
    op.hash = id.low;
  }
  if (previous != none) operations_[previous].next = index;
  if (!last_.empty()) index_last(index);
  if (is_wide(what)) wide_.push_back(index);
  if (is_wide(what) || what == operation::remove) invalidations_++;
  return op;
}

pending& transaction_log::append_key(operation what, const key_ref& key,
                                     std::uint32_t subtransaction) {
  const char* const bytes = arena_.keep(key.text);
  pending& op = append(what, key.space, subtransaction, identity_of(key));
  op.bytes = bytes;
  op.key_size = static_cast<std::uint32_t>(key.text.size());
  return op;
}

void transaction_log::add_set(const fill& what, std::uint32_t subtransaction,
                              std::int64_t expected) {
  const char* const bytes = arena_.keep(what.key.text, what.tags, what.value);
  const std::size_t ids_at = ids_.size();
  ids_.insert(ids_.end(), what.tag_ids.begin(), what.tag_ids.end());
  pending& op = append(operation::set, what.key.space, subtransaction, identity_of(what.key));
  op.bytes = bytes;
  op.key_size = static_cast<std::uint32_t>(what.key.text.size());
  op.tags_size = static_cast<std::uint32_t>(what.tags.size());
  op.value_size = what.value.size();
  op.ids_at = static_cast<std::uint32_t>(ids_at);
  op.ids_count = static_cast<std::uint32_t>(what.tag_ids.size());
  op.kind = what.kind;
  op.flags = what.flags;
  op.blind = what.blind;
  op.stale_seconds = what.stale_seconds;
  op.read_at = what.read_at;
  op.expires_at = what.expires_at;
  op.version = what.version;
  op.expected = expected;
  op.lease = what.lease;
  after_last_set_ = static_cast<std::uint32_t>(operations_.size());
}

void transaction_log::add_refused_set(const key_ref& key, std::uint32_t subtransaction) {
  append_key(operation::refused_set, key, subtransaction);
}

void transaction_log::add_refused_space(space_index space, std::uint32_t subtransaction) {
  if (!operations_.empty() && operations_.back().what == operation::refused_space &&
      operations_.back().space == space && operations_.back().subtransaction == subtransaction)
    return;
  append(operation::refused_space, space, subtransaction, {});
}

void transaction_log::add_remove(const key_ref& key, std::uint32_t subtransaction,
                                 std::uint32_t visible_from) {
  append_key(operation::remove, key, subtransaction).visible_from = visible_from;
}

void transaction_log::add_touch(const key_ref& key, std::uint32_t subtransaction,
                                timestamp expires_at) {
  const pending* own = nullptr;
  if (look(key, &own) == sight::own) {
    // A touch of its own pending set is that set again, with another end.
    pending copy = *own;
    pending& op = append(operation::set, key.space, subtransaction, identity_of(key));
    copy.previous = op.previous;
    copy.next = none;
    copy.subtransaction = subtransaction;
    copy.expires_at = expires_at;
    op = copy;
    after_last_set_ = static_cast<std::uint32_t>(operations_.size());
    return;
  }
  append_key(operation::touch, key, subtransaction).expires_at = expires_at;
}

void transaction_log::add_tag(space_index space, const tag_id& id, std::uint32_t subtransaction,
                              std::uint32_t visible_from) {
  // A bulk change invalidates the same tags again and again. One operation serves for all, unless
  // a set came between: that one must die, too.
  const std::uint32_t last = last_of({id.low, id.high});
  if (last != none && last >= after_last_set_ &&
      operations_[last].subtransaction == subtransaction) {
    operations_[last].visible_from = std::max(operations_[last].visible_from, visible_from);
    return;
  }
  append(operation::tag, space, subtransaction, {id.low, id.high}).visible_from = visible_from;
}

void transaction_log::add_prefix(space_index space, std::string_view prefix,
                                 std::uint32_t subtransaction, std::uint32_t visible_from) {
  const char* const bytes = arena_.keep(prefix);
  pending& op = append(operation::prefix, space, subtransaction, {});
  op.bytes = bytes;
  op.key_size = static_cast<std::uint32_t>(prefix.size());
  op.visible_from = visible_from;
}

void transaction_log::add_clear(space_index space, std::uint32_t subtransaction,
                                std::uint32_t visible_from) {
  append(operation::clear_space, space, subtransaction, {}).visible_from = visible_from;
}

bool transaction_log::tag_pending(const tag_id& id) const {
  return last_of({id.low, id.high}) != none;
}

bool transaction_log::clear_pending(space_index space) const {
  return std::any_of(wide_.begin(), wide_.end(), [&](std::uint32_t i) {
    return operations_[i].what == operation::clear_space && operations_[i].space == space;
  });
}

void transaction_log::note_lease(const key_ref& key, std::uint64_t nonce,
                                 std::uint32_t subtransaction) {
  leases_.push_back({key, std::string(key.text), key.hash, nonce, subtransaction});
}

bool transaction_log::holds_lease(const key_ref& key) const {
  return std::any_of(leases_.begin(), leases_.end(), [&](const taken_lease& lease) {
    return lease.key_hash == key.hash && lease.key.space == key.space && lease.text == key.text;
  });
}

void transaction_log::forget_lease(std::uint64_t nonce) {
  std::erase_if(leases_, [&](const taken_lease& lease) { return lease.nonce == nonce; });
}

// Ids of sub-transactions grow, and children end before their parents: what an aborted one and its
// children did is a suffix of the log.
void transaction_log::abort_subtransaction(std::uint32_t subtransaction) {
  while (!operations_.empty() && operations_.back().subtransaction >= subtransaction) {
    const auto index = static_cast<std::uint32_t>(operations_.size() - 1);
    const pending& op = operations_.back();
    if (op.previous != none) operations_[op.previous].next = none;
    if (!last_.empty() && is_named(op.what)) {
      const identity id = identity_at(index);
      last_.take_back(hash_of(id), op.previous,
                      [&](std::uint32_t i) { return identity_at(i) == id; });
    }
    if (op.what == operation::tag) tag_count_--;
    if (is_wide(op.what) || op.what == operation::remove) invalidations_--;
    if (is_wide(op.what)) wide_.pop_back();
    operations_.pop_back();
    if (operations_.size() == small_log) last_.clear();
  }
}

// ---------------------------------------------------------------- what the transaction sees

// Whether an operation settles what happens to the key `text`, which has the same hash. What takes
// a key away takes with it what is kept under it for single roles.
bool transaction_log::decides(const pending& op, std::string_view text) const {
  const std::string_view own = key_text(op);
  switch (op.what) {
    case operation::set:
      return own == text;
    case operation::remove:
    case operation::refused_set:
      return own == text || (text.size() == own.size() + role_key_suffix && text.starts_with(own) &&
                             text[own.size()] == '\0');
    default:
      return false;
  }
}

// Whether a tag, prefix or namespace that a set depends on is invalidated after it.
bool transaction_log::killed_later(std::uint32_t index) const {
  const pending& op = operations_[index];
  const std::span<const tag_id> mine(ids_.data() + op.ids_at, op.ids_count);
  const auto first = std::upper_bound(wide_.begin(), wide_.end(), index);
  return std::any_of(first, wide_.end(), [&](std::uint32_t i) {
    const pending& later = operations_[i];
    if (later.space != op.space) return false;
    switch (later.what) {
      case operation::clear_space:
        return true;
      case operation::prefix:
        return key_text(op).starts_with(key_text(later));
      default:
        return std::find(mine.begin(), mine.end(), ids_[later.ids_at]) != mine.end();
    }
  });
}

transaction_log::sight transaction_log::look(const key_ref& key, const pending** found) const {
  for (std::uint32_t i = last_of(identity_of(key)); i != none; i = operations_[i].previous) {
    const pending& op = operations_[i];
    if (!decides(op, key.text)) continue;
    if (op.what != operation::set) return sight::nothing;
    if (killed_later(i)) return sight::nothing;
    *found = &op;
    return sight::own;
  }
  return sight::store;
}

bool transaction_log::kills(const key_ref& key, std::span<const tag_id> ids) const {
  for (const tag_id& id : ids)
    if (tag_pending(id)) return true;
  return std::any_of(wide_.begin(), wide_.end(), [&](std::uint32_t i) {
    const pending& op = operations_[i];
    if (op.space != key.space) return false;
    return op.what == operation::clear_space ||
           (op.what == operation::prefix && key.text.starts_with(key_text(op)));
  });
}

bool transaction_log::unseen_invalidation(const key_ref& key, std::span<const tag_id> ids,
                                          std::uint32_t command) const {
  if (invalidations_ == 0) return false;
  const auto unseen = [&](const pending& op) { return op.visible_from > command; };
  for (std::uint32_t i = last_of(identity_of(key)); i != none; i = operations_[i].previous)
    if (operations_[i].what == operation::remove && unseen(operations_[i])) return true;
  for (const tag_id& id : ids) {
    const std::uint32_t i = last_of({id.low, id.high});
    if (i != none && unseen(operations_[i])) return true;
  }
  return std::any_of(wide_.begin(), wide_.end(), [&](std::uint32_t i) {
    const pending& op = operations_[i];
    if (op.space != key.space || op.what == operation::tag || !unseen(op)) return false;
    return op.what == operation::clear_space || key.text.starts_with(key_text(op));
  });
}

fill transaction_log::fill_of(const pending& op, const store&) const {
  fill what;
  what.key = key_of(op);
  what.kind = op.kind;
  what.value = {op.bytes + op.key_size + op.tags_size, op.value_size};
  what.tags = {op.bytes + op.key_size, op.tags_size};
  what.tag_ids = {ids_.data() + op.ids_at, op.ids_count};
  what.read_at = op.read_at;
  what.expires_at = op.expires_at;
  what.version = op.version;
  what.lease = op.lease;
  what.stale_seconds = op.stale_seconds;
  what.flags = op.flags;
  what.blind = op.blind;
  return what;
}

}  // namespace stash

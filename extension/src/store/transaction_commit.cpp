// Carrying a transaction's operations out: before, at and instead of commit (see
// transaction_log.hpp).
//
// The order at commit is the protocol. A stamp is drawn before the sets are checked, so whoever
// changes something after that check draws a later one. Slots are stamped before entries are
// dropped and dropped before the flux ends, so a fill that finds neither flux nor stamp comes
// before the drop. What this transaction read and wrote counts as read just after its own stamp.
#include <algorithm>

#include "store/transaction_log.hpp"

#include "store/core_wall.hpp"

namespace stash {

// The frequent case: one unconditional set in a transaction that changed no data, so nothing to put
// in flux, to stamp or to order.
bool transaction_log::sole_fill() const {
  return operations_.size() == 1 && operations_[0].what == operation::set && !writer_ &&
         operations_[0].expected == any_version;
}

void transaction_log::prepare(store& owner, bool writer, std::uint32_t process,
                              std::size_t flux_limit) {
  writer_ = writer;
  process_ = process;
  if (sole_fill()) {
    sets_.push_back(0);
    prepared_ = true;
    return;
  }
  plan_operations(owner);
  plan_flux(owner);
  if (flux_limit > 0 && flux_.size() > flux_limit) widen_flux(owner, flux_limit);
  verdicts_.assign(sets_.size(), refusal::none);
  prepared_ = true;
  // Whoever lost a condition stays out of the way; conditions_hold tells.
  if (claim_slots() && writer_ && invalidates_) begin_flux(owner);
}

// What becomes of an operation's key later in the transaction.
transaction_log::fate transaction_log::look_later(const pending& op) const {
  fate result;
  // Only a removal asks whether another one follows.
  const bool enough_decided = op.what != operation::remove;
  for (std::uint32_t i = op.next; i != none; i = operations_[i].next) {
    if (!decides(operations_[i], key_text(op))) continue;
    result.decided = true;
    result.removed = operations_[i].what == operation::remove;
    if (enough_decided || result.removed) break;
  }
  return result;
}

// The last operation on a key decides. A removal is carried out even if a set comes after it, for
// that may be refused.
void transaction_log::plan_key(std::uint32_t index) {
  const pending& op = operations_[index];
  const fate after = look_later(op);
  const bool is_set = op.what == operation::set;
  const bool takes_away = op.what == operation::remove ? !after.removed
                          : is_set                     ? !after.decided && killed_later(index)
                                                       : !after.decided && writer_;
  if (takes_away)
    removals_.push_back(index);
  else if (is_set && !after.decided)
    sets_.push_back(index);
}

void transaction_log::plan_operations(store& owner) {
  const auto is_last_of_tag = [&](const pending& op) {
    std::uint32_t i = op.next;
    while (i != none && operations_[i].what != operation::tag) i = operations_[i].next;
    return i == none;
  };
  for (std::uint32_t index = 0; index < operations_.size(); index++) {
    const pending& op = operations_[index];
    switch (op.what) {
      case operation::tag:
        if (is_last_of_tag(op)) tags_.push_back({ids_[op.ids_at], false});
        break;
      case operation::prefix:
        prefixes_.push_back(index);
        break;
      case operation::clear_space:
        changed_.push_back(&owner.space_at(op.space).all);
        break;
      case operation::refused_space:
        if (writer_) changed_.push_back(&owner.space_at(op.space).all);
        break;
      case operation::touch:
        touches_.push_back(index);
        break;
      case operation::remove:
      case operation::refused_set:
      case operation::set:
        plan_key(index);
        break;
    }
    plan_condition(index);
  }
}

// A condition about what the transaction itself did before was checked when the set was called. One
// about the store must hold at commit, even if the set was replaced by a later one since.
void transaction_log::plan_condition(std::uint32_t index) {
  pending& op = operations_[index];
  if (op.what != operation::set || op.expected == any_version) return;
  bool own = false;
  for (std::uint32_t i = op.previous; i != none && !own; i = operations_[i].previous)
    own = decides(operations_[i], key_text(op)) &&
          (operations_[i].what != operation::refused_set || writer_);
  for (std::size_t i = 0; i < wide_.size() && wide_[i] < index && !own; i++) {
    const pending& before = operations_[wide_[i]];
    own = before.space == op.space && before.what != operation::tag &&
          key_text(op).starts_with(key_text(before));
  }
  if (own)
    op.expected = any_version;
  else
    conditions_.push_back(index);
}

void transaction_log::plan_flux(store& owner) {
  for (const std::uint32_t index : removals_)
    changed_.push_back(&owner.key_stamp(key_of(operations_[index])));
  for (const planned_tag& tag : tags_) changed_.push_back(&owner.tag_stamp(tag.id));
  for (const std::uint32_t index : prefixes_)
    changed_.push_back(&owner.space_at(operations_[index].space).fills);
  if (writer_)
    for (const std::uint32_t index : sets_)
      changed_.push_back(&owner.key_stamp(key_of(operations_[index])));
  flux_ = changed_;
  // Which keys match a prefix is known only at the end: until then nobody hits.
  if (writer_)
    for (const std::uint32_t index : prefixes_)
      flux_.push_back(&owner.space_at(operations_[index].space).all);
  for (auto* list : {&changed_, &flux_}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  invalidates_ = !flux_.empty();
  for (const std::uint32_t index : conditions_)
    claims_.push_back(&owner.key_stamp(key_of(operations_[index])));
  std::sort(claims_.begin(), claims_.end());
  claims_.erase(std::unique(claims_.begin(), claims_.end()), claims_.end());
}

// A namespace in flux covers all its keys and tags; everything covers all namespaces.
void transaction_log::widen_flux(store& owner, std::size_t limit) {
  std::vector<stamp*> wide;
  for (const pending& op : operations_) wide.push_back(&owner.space_at(op.space).all);
  std::sort(wide.begin(), wide.end());
  wide.erase(std::unique(wide.begin(), wide.end()), wide.end());
  if (wide.size() > limit) wide = {&owner.header().everything};
  flux_ = wide;
  changed_.insert(changed_.end(), wide.begin(), wide.end());
}

void transaction_log::begin_flux(store& owner) noexcept {
  for (stamp* s : flux_) s->begin_flux();
  for (planned_tag& tag : tags_) tag.had_record = owner.begin_tag_flux(tag.id);
  flux_begun_ = true;
}

void transaction_log::end_flux(store& owner) noexcept {
  if (!flux_begun_) return;
  for (const planned_tag& tag : tags_) owner.end_tag_flux(tag.id, tag.had_record);
  for (stamp* s : flux_) s->end_flux();
  flux_begun_ = false;
}

// In the order of addresses, and before the flux begins: of those who want the same slots one gets
// them all, and whoever does not get them is in nobody's way.
bool transaction_log::claim_slots() noexcept {
  std::size_t held = 0;
  while (held < claims_.size() && claims_[held]->try_claim(process_)) held++;
  if (held == claims_.size()) return true;
  claims_.resize(held);
  release_claims();
  return false;
}

void transaction_log::release_claims() noexcept {
  for (stamp* claim : claims_) claim->release_claim(process_);
  claims_.clear();
}

bool transaction_log::conditions_hold(store& owner, timestamp now) {
  if (conditions_.empty()) return true;
  if (claims_.empty()) return false;
  const own_flux own = flux_begun_ ? own_flux(flux_) : own_flux();
  std::vector<tag_id> own_tags;
  if (flux_begun_)
    for (const planned_tag& tag : tags_)
      if (tag.had_record) own_tags.push_back(tag.id);
  std::vector<tag_id> killed;
  std::size_t wide = 0;
  return std::all_of(conditions_.begin(), conditions_.end(), [&](std::uint32_t index) {
    const pending& op = operations_[index];
    for (; wide < wide_.size() && wide_[wide] < index; wide++)
      if (operations_[wide_[wide]].what == operation::tag)
        killed.push_back(ids_[operations_[wide_[wide]].ids_at]);
    reader who;
    who.now = now;
    who.in_recovery = (op.flags & stored_in_recovery) != 0;
    return owner.condition_holds(key_of(op), op.expected, who, own, own_tags, killed);
  });
}

void transaction_log::stamp_and_drop(store& owner, timestamp at) noexcept {
  for (stamp* s : changed_) s->changed(at, writer_);
  for (const planned_tag& tag : tags_) owner.invalidate_tag(tag.id, at, writer_);
  for (const std::uint32_t index : removals_) {
    owner.remove(key_of(operations_[index]));
    owner.count(operations_[index].space, event::deletion);
  }
  for (const std::uint32_t index : prefixes_)
    owner.remove_prefix(operations_[index].space, key_text(operations_[index]));
  for (const std::uint32_t index : wide_)
    owner.count(operations_[index].space, event::invalidation);
}

void transaction_log::commit(store& owner, timestamp now, timestamp monotonic,
                             timestamp blind_guard) noexcept {
  if (!prepared_) return;
  // A writer has had the slot in flux since it was found to hold what it expected.
  const auto expected = [&](const pending& op) { return writer_ ? any_version : op.expected; };
  if (!invalidates_) {
    for (std::size_t i = 0; i < sets_.size(); i++) {
      // What stands at the keys was asked for when they were set, but a large batch outlives a
      // cache.
      if (i + 4 < sets_.size()) {
        const pending& later = operations_[sets_[i + 4]];
        owner.prefetch_entry(key_of(later), entry_header_size + later.key_size + later.value_size);
      }
      const pending& op = operations_[sets_[i]];
      owner.put(fill_of(op, owner), now, blind_guard, {}, expected(op));
    }
  } else {
    if (!flux_begun_) begin_flux(owner);
    const timestamp at = owner.header().clock.next_stamp(now, monotonic);
    for (std::size_t i = 0; i < sets_.size(); i++)
      verdicts_[i] = owner.check(fill_of(operations_[sets_[i]], owner), now, blind_guard, flux_);
    stamp_and_drop(owner, at);
    for (std::size_t i = 0; i < sets_.size(); i++) {
      const pending& op = operations_[sets_[i]];
      fill what = fill_of(op, owner);
      refusal why = verdicts_[i];
      if (why != refusal::none) {
        owner.count(op.space, why);
      } else {
        what.read_at = at + 1;
        what.blind = false;
        why = owner.put(what, now, blind_guard, flux_, expected(op));
      }
      if (why != refusal::none && writer_) owner.remove(what.key);
    }
  }
  for (const std::uint32_t index : touches_)
    owner.touch(key_of(operations_[index]), now, operations_[index].expires_at);
  end_flux(owner);
  release_claims();
  drop_stored_leases(owner);
}

// What a transaction stored with a lease took the lease with it; what it refused leaves it to
// others.
void transaction_log::drop_stored_leases(store& owner) noexcept {
  for (const taken_lease& lease : leases_)
    owner.release_lease({lease.key.space, lease.text, lease.key_hash}, lease.nonce);
}

void transaction_log::commit_prepared_part(store& owner, timestamp now,
                                           timestamp monotonic) noexcept {
  if (!prepared_) return;
  if (!flux_begun_) begin_flux(owner);
  stamp_and_drop(owner, owner.header().clock.next_stamp(now, monotonic));
  for (const std::uint32_t index : sets_) owner.remove(key_of(operations_[index]));
  // The hashed slots refuse every fill until the prepared transaction is over, so the tags' own
  // records need not stay in flux.
  for (const planned_tag& tag : tags_) owner.end_tag_flux(tag.id, tag.had_record);
  flux_begun_ = false;
  release_claims();
  drop_stored_leases(owner);
}

void transaction_log::abort(store& owner) noexcept {
  end_flux(owner);
  release_claims();
  drop_stored_leases(owner);
}

void transaction_log::clear() {
  constexpr std::size_t keep_bytes = 1 << 20;
  if (operations_.capacity() * sizeof(pending) > keep_bytes) {
    std::vector<pending>().swap(operations_);
    std::vector<tag_id>().swap(ids_);
  }
  operations_.clear();
  ids_.clear();
  arena_.clear();
  if (!last_.empty()) last_.clear();
  wide_.clear();
  leases_.clear();
  tag_count_ = invalidations_ = 0;
  after_last_set_ = 0;
  prepared_ = writer_ = invalidates_ = flux_begun_ = false;
  sets_.clear();
  verdicts_.clear();
  removals_.clear();
  touches_.clear();
  tags_.clear();
  prefixes_.clear();
  flux_.clear();
  changed_.clear();
  claims_.clear();
  conditions_.clear();
}

}  // namespace stash

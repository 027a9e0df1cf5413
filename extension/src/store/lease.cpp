// Leases: who computes a missing value, and from which moment on its data was read (see store.hpp).
//
// A partition has a fixed set of lease slots, four to a set; a set that is full forgets its oldest
// lease, which makes that fill be refused, nothing worse. Slots belong to the partition's lock.
#include <algorithm>

#include "store/store_internal.hpp"

#include "store/core_wall.hpp"

namespace stash {

lease_slot* store::find_lease(std::uint32_t partition, const key_ref& key) const {
  const std::uint32_t sets = shape_.leases_per_partition / leases_per_set;
  lease_slot* set = leases_ + std::size_t{partition} * shape_.leases_per_partition +
                    (key.hash % sets) * leases_per_set;
  for (std::uint32_t i = 0; i < leases_per_set; i++)
    if (set[i].nonce != 0 && set[i].key_hash == key.hash && set[i].space == key.space)
      return &set[i];
  return nullptr;
}

lease_slot& store::lease_for(std::uint32_t partition, const key_ref& key, timestamp now) const {
  if (lease_slot* found = find_lease(partition, key)) return *found;
  const std::uint32_t sets = shape_.leases_per_partition / leases_per_set;
  lease_slot* set = leases_ + std::size_t{partition} * shape_.leases_per_partition +
                    (key.hash % sets) * leases_per_set;
  const auto age = [&](const lease_slot& slot) {
    return slot.nonce == 0 || slot.until <= now ? 0 : slot.until;
  };
  return *std::min_element(
      set, set + leases_per_set,
      [&](const lease_slot& a, const lease_slot& b) { return age(a) < age(b); });
}

lease_result store::take_lease(const key_ref& key, const reader& who, const lease_terms& terms,
                               void* buffer, std::size_t capacity) {
  lease_result result;
  const std::uint32_t p = partition_of(key);
  {
    const held_lock guard = lock_partition(p, lock_mode::exclusive);
    const block_index at = find(p, key);
    const bool hit = at != none && visible(entry_at(at), key, who, {});
    lease_slot* running = find_lease(p, key);
    const bool taken = running != nullptr && running->until > who.now;
    bool stale = false;
    const bool of_recovery =
        at != none && (entry_at(at).flags & stored_in_recovery) != 0 && !who.in_recovery;
    if (at != none && !hit && taken && !of_recovery &&
        entry_at(at).kind != value_kind::role_marker) {
      const death state = state_of(entry_at(at), who.now);
      stale = state.dead && (terms.stale_invalidated || !state.invalidated) &&
              state.since + terms.stale_for > who.now;
    }
    if (hit || stale) {
      const entry& e = entry_at(at);
      result.info = describe(e);
      if (e.value_size > capacity) {
        result.state = lease_state::buffer_too_small;
        return result;
      }
      copy_payload(e, std::size_t{e.key_size} + e.tags_size, buffer, e.value_size);
      if (hit) note_hit(e);
      result.state = hit ? lease_state::hit : lease_state::stale;
    } else if (taken) {
      result.state = lease_state::wait;
    } else {
      lease_slot& slot = lease_for(p, key, who.now);
      result.nonce = XXH3_64bits_withSeed(&key.hash, sizeof key.hash,
                                          header_->seed ^ header_->nonce.fetch_add(1)) |
                     1;
      const auto kept = static_cast<std::uint32_t>(std::min<timestamp>(
          (terms.stale_for + microseconds_per_second - 1) / microseconds_per_second, 0xffff));
      slot = {key.hash, result.nonce, terms.read_at, terms.until, key.space, kept};
      // What is dead stays for those who will be told that it is stale.
      if (at != none && entry_at(at).stale_seconds < kept)
        entry_at(at).stale_seconds = static_cast<std::uint16_t>(kept);
      result.state = lease_state::taken;
    }
  }
  if (result.state == lease_state::hit)
    count(key.space, event::hit);
  else if (terms.count_miss)
    count(key.space, event::miss);
  return result;
}

std::int64_t store::lease_valid(const key_ref& key, std::uint64_t nonce, timestamp read_at,
                                timestamp now) const {
  const std::uint32_t p = partition_of(key);
  const held_lock guard = lock_partition(p, lock_mode::shared);
  const lease_slot* slot = find_lease(p, key);
  if (slot == nullptr || slot->nonce != nonce || slot->read_at != read_at || slot->until <= now)
    return -1;
  return slot->stale_seconds;
}

void store::release_lease(const key_ref& key, std::uint64_t nonce) {
  const std::uint32_t p = partition_of(key);
  const held_lock guard = lock_partition(p, lock_mode::exclusive);
  lease_slot* slot = find_lease(p, key);
  if (slot != nullptr && slot->nonce == nonce) *slot = {};
}

}  // namespace stash

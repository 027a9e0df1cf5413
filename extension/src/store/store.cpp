// Look-up of entries, who may see them, and whether a set is accepted (see store.hpp).
#include "store/store.hpp"

#include <algorithm>
#include <cstring>

#include "store/store_internal.hpp"

#include "store/core_wall.hpp"

namespace stash {

store::store(void* memory, const geometry& shape, const lock_functions& functions,
             std::span<void* const> partition_locks, std::span<void* const> tag_locks)
    : shape_(shape),
      functions_(functions),
      partition_locks_(partition_locks.begin(), partition_locks.end()),
      tag_locks_(tag_locks.begin(), tag_locks.end()) {
  auto* base = static_cast<char*>(memory);
  header_ = reinterpret_cast<segment_header*>(base);
  spaces_ = reinterpret_cast<space*>(base + shape.spaces_at);
  counters_ = reinterpret_cast<counters*>(base + shape.counters_at);
  key_stamps_ = reinterpret_cast<stamp*>(base + shape.key_stamps_at);
  tag_stamps_ = reinterpret_cast<stamp*>(base + shape.tag_stamps_at);
  tag_buckets_ = reinterpret_cast<block_index*>(base + shape.tag_buckets_at);
  partitions_ = reinterpret_cast<partition*>(base + shape.partitions_at);
  queues_ = reinterpret_cast<sieve_queue*>(base + shape.queues_at);
  buckets_ = reinterpret_cast<block_index*>(base + shape.buckets_at);
  leases_ = reinterpret_cast<lease_slot*>(base + shape.leases_at);
  blocks_ = reinterpret_cast<block*>(base + shape.blocks_at);
}

void store::initialize(std::uint64_t seed, timestamp wall, timestamp monotonic) {
  header_->seed = seed;
  header_->boot = wall;
  // One later than the boot stamp: what a saved cache held was read exactly then.
  header_->clock.start(wall + 1, monotonic + 1);
  header_->version.store(wall);
  header_->nonce.store(seed | 1);
  for (std::uint32_t i = 0; i < shape_.key_stamps; i++) key_stamps_[i].changed_at.store(wall);
  for (std::uint32_t i = 0; i < shape_.tag_stamps; i++) tag_stamps_[i].changed_at.store(wall);
  std::fill_n(tag_buckets_, shape_.tag_buckets, none);
  std::fill_n(buckets_, bucket_total(), none);
  for (std::size_t i = 0; i < std::size_t{shape_.partitions} * shape_.spaces; i++)
    queues_[i].clear();
  for (std::uint32_t i = 0; i < shape_.partitions; i++) {
    partition& p = partitions_[i];
    p.free_list = none;
    p.free_count = 0;
    p.untouched = i * shape_.blocks_per_partition;
    p.end = p.untouched + shape_.blocks_per_partition;
    p.random = static_cast<std::uint32_t>(seed) * 2654435761U + i * 2 + 1;
    p.returned.store(none);
  }
}

// ---------------------------------------------------------------- look-up

bool store::same_key(const entry& e, const key_ref& key) const {
  if (e.hash != static_cast<std::uint32_t>(key.hash) || e.space != key.space ||
      e.key_size != key.text.size())
    return false;
  // Most keys lie in the first block whole.
  constexpr std::size_t in_first = block_size - entry_header_size;
  const auto* first = reinterpret_cast<const char*>(&e) + entry_header_size;
  if (key.text.size() <= in_first) return std::memcmp(first, key.text.data(), key.text.size()) == 0;
  if (std::memcmp(first, key.text.data(), in_first) != 0) return false;
  std::size_t at = in_first;
  for (block_index i = e.next; at < key.text.size(); i = blocks_[i].next) {
    const std::size_t part = std::min(sizeof blocks_[i].data, key.text.size() - at);
    if (std::memcmp(blocks_[i].data, key.text.data() + at, part) != 0) return false;
    at += part;
  }
  return true;
}

block_index store::find(std::uint32_t partition, const key_ref& key) const {
  block_index at = bucket_of(partition, static_cast<std::uint32_t>(key.hash));
  while (at != none && !same_key(entry_at(at), key)) at = entry_at(at).bucket_next;
  return at;
}

void store::copy_payload(const entry& e, std::size_t offset, void* to, std::size_t size) const {
  auto* out = static_cast<char*>(to);
  const auto* from = reinterpret_cast<const char*>(&e) + entry_header_size;
  std::size_t room = block_size - entry_header_size;
  block_index next = e.next;
  while (size > 0) {
    if (offset < room) {
      const std::size_t part = std::min(size, room - offset);
      std::memcpy(out, from + offset, part);
      out += part;
      size -= part;
      offset = 0;
    } else {
      offset -= room;
    }
    if (size == 0) break;
    from = reinterpret_cast<const char*>(blocks_[next].data);
    room = sizeof blocks_[next].data;
    next = blocks_[next].next;
  }
}

entry_info store::describe(const entry& e) {
  return {e.kind,
          e.version,
          e.read_at,
          e.expires_at.load(std::memory_order_relaxed),
          e.hits.load(std::memory_order_relaxed),
          e.value_size,
          e.tags_size};
}

// ---------------------------------------------------------------- visibility

bool store::in_flux_by_others(const stamp& s, own_flux own) {
  const std::uint32_t total = s.in_flux.load();
  if (total == 0) return false;
  const bool mine = std::binary_search(own.begin(), own.end(), const_cast<stamp*>(&s));
  return total > (mine ? 1U : 0U);
}

// Whether an entry is dead, why and since when. A change in flight is not death.
store::death store::state_of(const entry& e, timestamp now) const {
  death result;
  const auto died = [&](timestamp at) {
    result.since = result.dead ? std::min(result.since, at) : at;
    result.dead = true;
  };
  const auto killed_at = [&](timestamp changed, timestamp known_since) {
    if (changed < e.read_at) return;
    died(known_since);
    result.invalidated = true;
  };
  // What was cleared as a whole counts as dead for long: nobody is to be given it as stale.
  killed_at(header_->everything.changed_at.load(), 0);
  killed_at(spaces_[e.space].all.changed_at.load(), 0);
  if (e.link_count > 0)
    each_link(e, [&](std::uint32_t id) {
      const tag_record& record = record_at(link_at(id).record);
      const timestamp changed = record.changed_at.load();
      // Only the last two invalidations are known; an entry that missed more died long ago.
      killed_at(changed, record.changed_before.load() < e.read_at ? changed : 0);
    });
  const timestamp expires = e.expires_at.load(std::memory_order_relaxed);
  if (expires <= now) died(expires);
  return result;
}

bool store::tags_in_flux(const entry& e) const {
  bool flux = false;
  if (e.link_count > 0)
    each_link(e, [&](std::uint32_t id) {
      flux = flux || record_at(link_at(id).record).in_flux.load() != 0;
    });
  return flux;
}

bool store::visible(const entry& e, const key_ref& key, const reader& who, own_flux own) const {
  if ((e.flags & stored_in_recovery) != 0 && !who.in_recovery) return false;
  if (e.kind != value_kind::counter) {
    // Counters act at once, like sequences: no isolation level and no flux applies to them.
    if (who.never_hits || e.stored_at >= who.stored_before) return false;
    if (in_flux_by_others(key_stamp(key), own) || tags_in_flux(e)) return false;
  }
  if (in_flux_by_others(header_->everything, own) || in_flux_by_others(spaces_[e.space].all, own))
    return false;
  return !state_of(e, who.now).dead;
}

void store::note_hit(const entry& e) const {
  auto& mutable_entry = const_cast<entry&>(e);
  eviction().on_hit(static_cast<block_index>(reinterpret_cast<const block*>(&e) - blocks_));
  // Counting every hit would pull the entry's cache line from core to core.
  constexpr std::uint32_t exact = 64;
  if (e.hits.load(std::memory_order_relaxed) < exact)
    mutable_entry.hits.fetch_add(1, std::memory_order_relaxed);
  else if (++sample_ % exact == 0)
    mutable_entry.hits.fetch_add(exact, std::memory_order_relaxed);
}

read_result store::read(const key_ref& key, const reader& who, void* buffer, std::size_t capacity,
                        bool with_tags) {
  read_result result;
  const std::uint32_t p = partition_of(key);
  {
    const held_lock guard = lock_partition(p, lock_mode::shared);
    const block_index at = find(p, key);
    if (at != none && visible(entry_at(at), key, who, {})) {
      const entry& e = entry_at(at);
      result.info = describe(e);
      const std::size_t tags = with_tags ? e.tags_size : 0;
      if (tags + e.value_size > capacity) {
        result.state = read_state::buffer_too_small;
        return result;
      }
      copy_payload(e, std::size_t{e.key_size} + e.tags_size - tags, buffer, tags + e.value_size);
      note_hit(e);
      result.state = read_state::hit;
    }
  }
  count(key.space, result.state == read_state::hit ? event::hit : event::miss);
  return result;
}

read_result store::peek(const key_ref& key, const reader& who, own_flux own) const {
  read_result result;
  const std::uint32_t p = partition_of(key);
  const held_lock guard = lock_partition(p, lock_mode::shared);
  const block_index at = find(p, key);
  if (at != none && visible(entry_at(at), key, who, own)) {
    result.info = describe(entry_at(at));
    result.state = read_state::hit;
  }
  return result;
}

// Nothing uncertain will do: an entry that is hidden only while somebody else commits may stay.
bool store::condition_holds(const key_ref& key, std::int64_t expected, const reader& who,
                            own_flux own, std::span<const tag_id> own_tags,
                            std::span<const tag_id> killed) const {
  const std::uint32_t p = partition_of(key);
  const held_lock guard = lock_partition(p, lock_mode::shared);
  if (in_flux_by_others(key_stamp(key), own)) return false;
  const block_index at = find(p, key);
  if (at == none) return expected == no_version;
  const entry& e = entry_at(at);
  bool certain =
      !in_flux_by_others(header_->everything, own) && !in_flux_by_others(spaces_[e.space].all, own);
  bool gone = ((e.flags & stored_in_recovery) != 0 && !who.in_recovery);
  const auto among = [](std::span<const tag_id> ids, const tag_id& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  each_link(e, [&](std::uint32_t id) {
    const tag_record& record = record_at(link_at(id).record);
    const std::uint32_t mine = among(own_tags, record.id) ? 1 : 0;
    certain = certain && record.in_flux.load() <= mine;
    gone = gone || among(killed, record.id);
  });
  gone = gone || state_of(e, who.now).dead;
  if (gone) return expected == no_version;
  return certain && e.version == expected;
}

// ---------------------------------------------------------------- acceptance

refusal store::check(const fill& what, timestamp now, timestamp blind_guard, own_flux own) const {
  refusal why = refusal::none;
  const auto look = [&](const stamp& s) {
    if (in_flux_by_others(s, own))
      why = refusal::in_flux;
    else if (s.changed_at.load() >= what.read_at && why != refusal::in_flux)
      why = refusal::changed;
    else if (what.blind && s.data_changed_at.load() > now - blind_guard && why == refusal::none)
      why = refusal::blind;
  };
  look(key_stamp(what.key));
  look(header_->everything);
  look(spaces_[what.key.space].all);
  look(spaces_[what.key.space].fills);
  for (const tag_id& id : what.tag_ids) look(tag_stamp(id));
  return why;
}

// ---------------------------------------------------------------- counters

std::uint64_t store::counted(space_index space, event what) const {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < counter_shards; i++)
    sum += counters_[space * counter_shards + i].events[static_cast<int>(what)].load();
  return sum;
}

std::uint64_t store::counted(space_index space, refusal why) const {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < counter_shards; i++)
    sum += counters_[space * counter_shards + i].refusals[static_cast<int>(why)].load();
  return sum;
}

void store::reset_counters(space_index space) const {
  for (std::uint32_t i = 0; i < counter_shards; i++) {
    counters& shard = counters_[space * counter_shards + i];
    for (auto& e : shard.events) e.store(0);
    for (auto& r : shard.refusals) r.store(0);
  }
}

}  // namespace stash

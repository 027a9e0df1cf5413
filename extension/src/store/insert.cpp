// Insertion of entries and small changes to them: what runs under a partition's exclusive lock (see
// store.hpp). Blocks are reserved before anything is written, so nothing is ever half inserted.
#include <algorithm>
#include <cstring>

#include "store/store_internal.hpp"

#include "store/core_wall.hpp"

namespace stash {

// ---------------------------------------------------------------- insertion

std::uint32_t store::blocks_for(std::size_t payload, std::size_t links) {
  constexpr std::size_t first = block_size - entry_header_size;
  constexpr std::size_t other = block_size - sizeof(block_index);
  const std::size_t rest = payload > first ? payload - first : 0;
  return static_cast<std::uint32_t>(1 + (rest + other - 1) / other +
                                    (links + links_per_block - 1) / links_per_block);
}

std::uint32_t store::blocks_for(const entry& e) {
  return blocks_for(std::size_t{e.key_size} + e.tags_size + e.value_size, e.link_count);
}

namespace {
// How often a set makes room in its namespace's budget, if others fill it faster.
constexpr int budget_attempts = 8;
}  // namespace

refusal store::put(const fill& what, timestamp now, timestamp blind_guard, own_flux own,
                   std::int64_t expected) {
  // Before anything else: what is refused anyway must not make others go.
  refusal why = refusal::none;
  if (!what.tag_ids.empty() || has_budget(what)) why = check(what, now, blind_guard, own);
  // Records first: making one may need another partition's lock.
  block_index records[max_links];
  std::size_t pinned = 0;
  while (why == refusal::none && pinned < what.tag_ids.size()) {
    records[pinned] = pin_record(what.tag_ids[pinned]);
    if (records[pinned] == none)
      why = refusal::no_room;
    else
      pinned++;
  }
  if (why == refusal::none) {
    fill mine = what;
    int attempt = 0;
    do {
      make_budget(mine);
      why = put_pinned(mine, now, blind_guard, own, expected, records);
      // The key is forgotten, its lease used up.
      mine.lease = 0;
      if (expected != any_version) expected = no_version;
    } while (why == refusal::no_room && has_budget(what) && ++attempt < budget_attempts);
  }
  // Until commit nothing was reserved: if there is no room now, the store forgets the key.
  if (why == refusal::no_room) remove(what.key);
  for (std::size_t i = 0; i < pinned; i++) unpin_record(records[i]);
  if (why == refusal::none)
    count(what.key.space, event::set);
  else
    count(what.key.space, why);
  return why;
}

refusal store::put_pinned(const fill& what, timestamp now, timestamp blind_guard, own_flux own,
                          std::int64_t expected, const block_index* records) {
  const std::uint32_t p = partition_of(what.key);
  const held_lock guard = lock_partition(p, lock_mode::exclusive);
  const refusal why = check(what, now, blind_guard, own);
  if (why != refusal::none) return why;
  if (expected != any_version) {
    const block_index old = find(p, what.key);
    const bool alive = old != none && !state_of(entry_at(old), now).dead;
    if ((alive ? entry_at(old).version : no_version) != expected) return refusal::condition;
  }
  if (what.lease != 0) {
    lease_slot* lease = find_lease(p, what.key);
    if (lease == nullptr || lease->nonce != what.lease) return refusal::lease;
    *lease = {};
  }
  if (overwrite(p, what, now)) return refusal::none;
  // A marker only says that values differ by role: those of the other roles stay.
  if (what.kind != value_kind::role_marker)
    drop_key(p, what.key);
  else if (const block_index old = find(p, what.key); old != none)
    remove_entry(p, old);
  if (!make_room(p, what)) return refusal::no_room;
  const block_index at = write_entry(p, what, now);
  std::size_t i = 0;
  // Pinned by the caller, one a tag. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage)
  each_link(entry_at(at), [&](std::uint32_t id) { link_entry(at, id, records[i++]); });
  return refusal::none;
}

// The frequent case, without giving blocks back and taking them again: a value that replaces one
// with as many blocks, both without tags. Readers are kept out by the lock; everything that others
// follow without it (bucket, queue, links) stays as it is.
bool store::overwrite(std::uint32_t partition, const fill& what, timestamp now) {
  if (!what.tag_ids.empty()) return false;
  const block_index at = find(partition, what.key);
  if (at == none) return false;
  entry& e = entry_at(at);
  const bool plain = e.kind != value_kind::role_marker && what.kind != value_kind::role_marker;
  if (!plain || e.link_count != 0 || blocks_for(e) != blocks_for(what)) return false;
  const std::size_t unread = what.key.text.size();
  describe_fill(e, what, now);
  rewrite_payload(at, unread, what.value);
  eviction().on_hit(at);
  return true;
}

// Writes from an offset of the payload on, into blocks that are there.
void store::rewrite_payload(block_index first, std::size_t offset, std::string_view bytes) {
  auto* to = reinterpret_cast<char*>(&blocks_[first]) + entry_header_size;
  std::size_t room = block_size - entry_header_size;
  block_index next = blocks_[first].next;
  while (!bytes.empty()) {
    if (offset < room) {
      const std::size_t size = std::min(room - offset, bytes.size());
      std::memcpy(to + offset, bytes.data(), size);
      bytes.remove_prefix(size);
      offset += size;
    }
    if (bytes.empty()) break;
    offset -= room;
    to = reinterpret_cast<char*>(blocks_[next].data);
    room = sizeof blocks_[next].data;
    next = blocks_[next].next;
  }
}

std::uint32_t store::blocks_for(const fill& what) {
  return blocks_for(what.key.text.size() + what.tags.size() + what.value.size(),
                    what.tag_ids.size());
}

bool store::has_budget(const fill& what) const {
  const std::int64_t budget = spaces_[what.key.space].max_bytes.load(std::memory_order_relaxed);
  return budget > 0 && std::int64_t{blocks_for(what)} * std::int64_t{block_size} <= budget;
}

bool store::make_room(std::uint32_t partition, const fill& what) {
  space& owner = spaces_[what.key.space];
  const std::uint32_t blocks = blocks_for(what);
  const auto bytes = static_cast<std::int64_t>(blocks * block_size);
  const std::int64_t budget = owner.max_bytes.load(std::memory_order_relaxed);
  if (budget > 0 && bytes > budget) return false;
  if (!reserve(partition, blocks)) return false;
  // The budget is a hard cap: reserve first, then give back what is too much.
  owner.bytes.fetch_add(bytes);
  while (budget > 0 && owner.bytes.load() > budget) {
    const block_index victim = eviction().pick_victim(queue(partition, what.key.space));
    if (victim == none) {
      owner.bytes.fetch_sub(bytes);
      return false;
    }
    remove_entry(partition, victim);
    count(what.key.space, event::eviction);
  }
  owner.entries.fetch_add(1);
  return true;
}

// Evicts from the namespace in any partition until the new entry fits into its budget. What it
// replaces makes room, too.
void store::make_budget(const fill& what) {
  if (!has_budget(what)) return;
  space& owner = spaces_[what.key.space];
  const std::int64_t budget = owner.max_bytes.load(std::memory_order_relaxed);
  std::int64_t needed = std::int64_t{blocks_for(what)} * std::int64_t{block_size};
  if (owner.bytes.load() + needed <= budget) return;
  const std::uint32_t first = partition_of(what.key);
  {
    const held_lock guard = lock_partition(first, lock_mode::shared);
    const block_index old = find(first, what.key);
    if (old != none) needed -= std::int64_t{blocks_for(entry_at(old))} * std::int64_t{block_size};
  }
  for (std::uint32_t i = 0; i < shape_.partitions; i++) {
    if (owner.bytes.load() + needed <= budget) return;
    const std::uint32_t p = (first + i) & (shape_.partitions - 1);
    const held_lock guard = lock_partition(p, lock_mode::exclusive);
    while (owner.bytes.load() + needed > budget) {
      const block_index victim = eviction().pick_victim(queue(p, what.key.space));
      if (victim == none) break;
      remove_entry(p, victim);
      count(what.key.space, event::eviction);
    }
  }
}

void store::describe_fill(entry& e, const fill& what, timestamp now) {
  e.version = what.version;
  e.read_at = what.read_at;
  // Never earlier than the data, even if the wall clock was set back in between.
  e.stored_at = std::max(now, what.read_at);
  e.expires_at.store(what.expires_at, std::memory_order_relaxed);
  e.hits.store(0, std::memory_order_relaxed);
  e.hash = static_cast<std::uint32_t>(what.key.hash);
  e.value_size = static_cast<std::uint32_t>(what.value.size());
  e.space = what.key.space;
  e.key_size = static_cast<std::uint16_t>(what.key.text.size());
  e.tags_size = static_cast<std::uint16_t>(what.tags.size());
  e.stale_seconds = what.stale_seconds;
  e.kind = what.kind;
  e.flags = what.flags;
}

block_index store::write_entry(std::uint32_t partition, const fill& what, timestamp now) {
  const block_index at = take_block(partition);
  entry& e = entry_at(at);
  describe_fill(e, what, now);
  e.links = none;
  e.link_count = 0;
  write_payload(partition, at, what);
  for (std::size_t left = what.tag_ids.size(); left > 0;) {
    const block_index links = take_block(partition);
    blocks_[links].next = e.links;
    e.links = links;
    left -= std::min<std::size_t>(left, links_per_block);
  }
  e.link_count = static_cast<std::uint8_t>(what.tag_ids.size());
  block_index& bucket = bucket_of(partition, e.hash);
  e.bucket_next = bucket;
  std::atomic_ref(bucket).store(at, std::memory_order_relaxed);
  eviction().on_insert(queue(partition, e.space), at);
  return at;
}

void store::write_payload(std::uint32_t partition, block_index first, const fill& what) {
  auto* to = reinterpret_cast<char*>(&blocks_[first]) + entry_header_size;
  std::size_t room = block_size - entry_header_size;
  block_index last = first;
  blocks_[first].next = none;
  for (std::string_view part : {what.key.text, what.tags, what.value}) {
    while (!part.empty()) {
      if (room == 0) {
        const block_index more = take_block(partition);
        blocks_[more].next = none;
        blocks_[last].next = more;
        last = more;
        to = reinterpret_cast<char*>(blocks_[more].data);
        room = sizeof blocks_[more].data;
      }
      const std::size_t size = std::min(room, part.size());
      std::memcpy(to, part.data(), size);
      to += size;
      room -= size;
      part.remove_prefix(size);
    }
  }
}

// ---------------------------------------------------------------- small changes

bool store::remove(const key_ref& key) {
  const std::uint32_t p = partition_of(key);
  const held_lock guard = lock_partition(p, lock_mode::exclusive);
  if (lease_slot* lease = find_lease(p, key)) *lease = {};
  return drop_key(p, key);
}

bool store::drop_key(std::uint32_t partition, const key_ref& key) {
  bool found = false;
  const auto hash = static_cast<std::uint32_t>(key.hash);
  block_index at = bucket_of(partition, hash);
  while (at != none) {
    const entry& e = entry_at(at);
    const block_index next = e.bucket_next;
    bool matches = e.hash == hash && e.space == key.space;
    if (matches && e.key_size == key.text.size() + role_key_suffix) {
      char text[max_key_size + role_key_suffix];
      copy_payload(e, 0, text, key.text.size() + 1);
      matches =
          std::memcmp(text, key.text.data(), key.text.size()) == 0 && text[key.text.size()] == '\0';
    } else {
      matches = matches && same_key(e, key);
      found = found || matches;
    }
    if (matches) remove_entry(partition, at);
    at = next;
  }
  return found;
}

bool store::touch(const key_ref& key, timestamp now, timestamp expires_at) {
  const std::uint32_t p = partition_of(key);
  const held_lock guard = lock_partition(p, lock_mode::shared);
  const block_index at = find(p, key);
  if (at == none || state_of(entry_at(at), now).dead) return false;
  entry_at(at).expires_at.store(expires_at, std::memory_order_relaxed);
  return true;
}

counter_result store::add(const key_ref& key, std::int64_t by, timestamp now, timestamp expires_at,
                          bool in_recovery) {
  fill fresh;
  fresh.key = key;
  fresh.kind = value_kind::counter;
  fresh.value = {reinterpret_cast<const char*>(&by), sizeof by};
  fresh.expires_at = expires_at;
  fresh.flags = in_recovery ? stored_in_recovery : 0;
  const std::uint32_t p = partition_of(key);
  for (int attempt = 0; attempt < budget_attempts; attempt++) {
    // Before the lock is taken, for it looks at other partitions; not for one that is there.
    if (attempt > 0) make_budget(fresh);
    const held_lock guard = lock_partition(p, lock_mode::exclusive);
    const block_index at = find(p, key);
    const bool alive = at != none && !state_of(entry_at(at), now).dead &&
                       (in_recovery || (entry_at(at).flags & stored_in_recovery) == 0);
    if (alive) return bump(entry_at(at), by);
    if (attempt == 0 && has_budget(fresh)) continue;
    if (at != none) remove_entry(p, at);
    if (!make_room(p, fresh)) continue;
    fresh.version = next_version();
    // Later than every moment that would make it dead on arrival.
    fresh.read_at = std::max({now, header_->everything.changed_at.load() + 1,
                              spaces_[key.space].all.changed_at.load() + 1});
    write_entry(p, fresh, now);
    count(key.space, event::set);
    return {counter_state::done, by};
  }
  count(key.space, refusal::no_room);
  return {counter_state::no_room, 0};
}

counter_result store::bump(entry& e, std::int64_t by) {
  counter_result result;
  if (e.kind != value_kind::counter) return {counter_state::wrong_kind, 0};
  copy_payload(e, std::size_t{e.key_size} + e.tags_size, &result.value, sizeof result.value);
  if (__builtin_add_overflow(result.value, by, &result.value)) return {counter_state::overflow, 0};
  // The value may straddle two blocks: write it byte by byte along the chain.
  const auto* bytes = reinterpret_cast<const char*>(&result.value);
  std::size_t offset = std::size_t{e.key_size} + e.tags_size;
  auto* to = reinterpret_cast<char*>(&e) + entry_header_size;
  std::size_t room = block_size - entry_header_size;
  block_index next = e.next;
  for (std::size_t i = 0; i < sizeof result.value; i++, offset++) {
    while (offset >= room) {
      offset -= room;
      to = reinterpret_cast<char*>(blocks_[next].data);
      room = sizeof blocks_[next].data;
      next = blocks_[next].next;
    }
    to[offset] = bytes[i];
  }
  e.version = next_version();
  note_hit(e);
  return result;
}

}  // namespace stash

// Tags: the exact record of a tag that has entries (see store.hpp).
//
// A record holds the tag's own stamp, so that a hit looks at exactly what it depends on, and two
// lists: entries that the tag has not killed, newest first, and those that it has. Invalidating
// splices one onto the other and sets the stamp: O(1). A record is freed when no entry links to it,
// nobody is about to (pins) and no transaction has it in flux.
//
// Why no fill slips through: a fill pins the record first and looks at the hashed stamp afterwards;
// a writer raises the hashed stamp's flux first and looks for the record afterwards.
#include <algorithm>
#include <cstring>

#include "store/store_internal.hpp"
#include "store/tag_text.hpp"

#include "store/core_wall.hpp"

namespace stash {

block_index store::find_record(const tag_id& id) const {
  block_index at = tag_buckets_[tag_bucket(id)];
  while (at != none && record_at(at).id != id) at = record_at(at).bucket_next;
  return at;
}

// Any partition will do; the hash says where to look first.
block_index store::block_for_record(const tag_id& id) {
  const auto home = static_cast<std::uint32_t>(id.high >> 32);
  for (std::uint32_t i = 0; i < shape_.partitions; i++) {
    const std::uint32_t p = (home + i) & (shape_.partitions - 1);
    const held_lock guard = lock_partition(p, lock_mode::exclusive);
    if (reserve(p, 1)) return take_block(p);
  }
  return none;
}

// A record's block goes home without its partition's lock: another one may be held here.
void store::give_back(block_index block) {
  stash::partition& p = partitions_[block / shape_.blocks_per_partition];
  block_index head = p.returned.load();
  do {
    blocks_[block].next = head;
  } while (!p.returned.compare_exchange_weak(head, block));
}

block_index store::pin_record(const tag_id& id) {
  {
    const held_lock guard = lock_tag(id, lock_mode::exclusive);
    const block_index at = find_record(id);
    if (at != none) {
      record_at(at).pins++;
      return at;
    }
  }
  const block_index fresh = block_for_record(id);
  if (fresh == none) return none;
  tag_record& record = record_at(fresh);
  record.bucket_next = none;
  record.pins = 1;
  record.id = id;
  // Whatever changed before is told by the hashed stamp, which every fill checks.
  record.changed_at.store(0);
  record.changed_before.store(0);
  record.in_flux.store(0);
  record.live_newest = record.live_oldest = record.dead_newest = none;
  record.live_count = record.total_count = 0;
  record.newest_read = 0;

  const held_lock guard = lock_tag(id, lock_mode::exclusive);
  const block_index at = find_record(id);
  if (at != none) {
    // Somebody else was faster.
    record_at(at).pins++;
    give_back(fresh);
    return at;
  }
  block_index& bucket = tag_buckets_[tag_bucket(id)];
  record.bucket_next = bucket;
  bucket = fresh;
  return fresh;
}

void store::unpin_record(block_index record) {
  const held_lock guard = lock_tag(record_at(record).id, lock_mode::exclusive);
  record_at(record).pins--;
  drop_record_if_unused(record);
}

void store::drop_record_if_unused(block_index index) {
  tag_record& record = record_at(index);
  if (record.pins != 0 || record.total_count != 0 || record.in_flux.load() != 0) return;
  block_index* at = &tag_buckets_[tag_bucket(record.id)];
  while (*at != index) at = &record_at(*at).bucket_next;
  *at = record.bucket_next;
  give_back(index);
}

void store::link_entry(block_index entry_block, std::uint32_t link_id, block_index record_index) {
  tag_record& record = record_at(record_index);
  tag_link& link = link_at(link_id);
  const held_lock guard = lock_tag(record.id, lock_mode::exclusive);
  link.entry = entry_block;
  link.record = record_index;
  link.previous = none;
  record.total_count++;
  // An invalidation may have come between the check of the hashed stamp and here.
  const bool dead = record.changed_at.load() >= entry_at(entry_block).read_at;
  std::uint32_t& newest = dead ? record.dead_newest : record.live_newest;
  link.next = newest;
  if (newest != none) link_at(newest).previous = link_id;
  newest = link_id;
  if (!dead) {
    record.live_count++;
    record.newest_read = std::max(record.newest_read, entry_at(entry_block).read_at);
    if (record.live_oldest == none) record.live_oldest = link_id;
  }
}

void store::unlink_entry(const entry& e, std::uint32_t link_id) {
  const tag_link& current = link_at(link_id);
  tag_record& record = record_at(current.record);
  const held_lock guard = lock_tag(record.id, lock_mode::exclusive);
  const bool dead = record.changed_at.load() >= e.read_at;
  if (current.previous != none)
    link_at(current.previous).next = current.next;
  else
    (dead ? record.dead_newest : record.live_newest) = current.next;
  if (current.next != none) link_at(current.next).previous = current.previous;
  if (!dead) {
    record.live_count--;
    if (record.live_oldest == link_id) record.live_oldest = current.previous;
  }
  record.total_count--;
  drop_record_if_unused(current.record);
}

bool store::begin_tag_flux(const tag_id& id) {
  const held_lock guard = lock_tag(id, lock_mode::exclusive);
  const block_index at = find_record(id);
  if (at != none) record_at(at).in_flux.fetch_add(1);
  return at != none;
}

void store::end_tag_flux(const tag_id& id, bool had_record) {
  if (!had_record) return;
  const held_lock guard = lock_tag(id, lock_mode::exclusive);
  const block_index at = find_record(id);
  record_at(at).in_flux.fetch_sub(1);
  drop_record_if_unused(at);
}

void store::invalidate_tag(const tag_id& id, timestamp at, bool data) {
  tag_stamp(id).changed(at, data);
  const held_lock guard = lock_tag(id, lock_mode::exclusive);
  const block_index index = find_record(id);
  if (index == none) return;
  tag_record& record = record_at(index);
  if (record.changed_at.load() >= at) return;
  // The whole list dies, also what was read after `at` was taken from a clock: whoever unlinks an
  // entry tells from the two moments which list it is on.
  record.changed_before.store(record.changed_at.load());
  record.changed_at.store(std::max(at, record.newest_read));
  record.newest_read = 0;
  if (record.live_newest == none) return;
  link_at(record.live_oldest).next = record.dead_newest;
  if (record.dead_newest != none) link_at(record.dead_newest).previous = record.live_oldest;
  record.dead_newest = record.live_newest;
  record.live_newest = record.live_oldest = none;
  record.live_count = 0;
}

std::uint32_t store::tag_count(const tag_id& id) const {
  const held_lock guard = lock_tag(id, lock_mode::shared);
  const block_index at = find_record(id);
  return at == none ? 0 : record_at(at).live_count;
}

// Told from the text: the records of an entry's other tags belong to other locks.
bool store::carries_all(const entry& e, std::span<const tag_id> wanted) const {
  char text[max_tags * (1 + max_tag_size)];
  copy_payload(e, e.key_size, text, e.tags_size);
  tag_id carried[max_links];
  std::size_t count = 0;
  each_tag({text, e.tags_size}, [&](std::string_view tag) {
    carried[count++] = this->tag(e.space, tag);
    const std::size_t colon = tag.find(':');
    if (colon == std::string_view::npos) return;
    char whole[max_tag_size + 2];
    std::memcpy(whole, tag.data(), colon + 1);
    whole[colon + 1] = '*';
    carried[count++] = this->tag(e.space, {whole, colon + 2});
  });
  return std::all_of(wanted.begin(), wanted.end(), [&](const tag_id& id) {
    return std::find(carried, carried + count, id) != carried + count;
  });
}

bool store::tagged_keys(const tag_id& id, std::span<const tag_id> others, std::uint32_t max_keys,
                        char* buffer, std::size_t capacity, std::size_t* used) const {
  *used = 0;
  const held_lock guard = lock_tag(id, lock_mode::shared);
  const block_index at = find_record(id);
  if (at == none) return true;
  for (std::uint32_t l = record_at(at).live_newest; l != none && max_keys > 0;
       l = link_at(l).next) {
    // An entry cannot go while it is linked here, and its key and links never change.
    const entry& e = entry_at(link_at(l).entry);
    if (!others.empty() && !carries_all(e, others)) continue;
    const std::size_t size = sizeof(std::uint16_t) + e.key_size;
    if (*used + size > capacity) return false;
    std::memcpy(buffer + *used, &e.key_size, sizeof e.key_size);
    copy_payload(e, 0, buffer + *used + sizeof e.key_size, e.key_size);
    *used += size;
    max_keys--;
  }
  return true;
}

}  // namespace stash

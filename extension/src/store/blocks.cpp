// Blocks: who has them, how they are had, and who must go when there are none (see store.hpp).
//
// Invariant: every block of a partition is untouched, on its free list, on its `returned` stack, or
// reachable from exactly one entry or tag record. Everything here runs under the partition's
// exclusive lock, but for the push onto `returned`, which is why that is a lock-free stack that is
// only ever emptied as a whole.
#include "store/store_internal.hpp"

#include "store/core_wall.hpp"

namespace stash {

void store::collect_returned(std::uint32_t partition) {
  block_index at = partitions_[partition].returned.exchange(none);
  while (at != none) {
    const block_index next = blocks_[at].next;
    blocks_[at].next = none;
    free_chain(partition, at);
    at = next;
  }
}

void store::free_chain(std::uint32_t partition, block_index first) {
  if (first == none) return;
  stash::partition& p = partitions_[partition];
  std::uint32_t count = 1;
  block_index last = first;
  while (blocks_[last].next != none) {
    last = blocks_[last].next;
    count++;
  }
  blocks_[last].next = p.free_list;
  p.free_list = first;
  p.free_count += count;
}

block_index store::take_block(std::uint32_t partition) {
  stash::partition& p = partitions_[partition];
  if (p.free_list == none) return p.untouched++;
  const block_index at = p.free_list;
  p.free_list = blocks_[at].next;
  p.free_count--;
  return at;
}

// A namespace's queue is chosen by chance, weighted with its entries; within it, SIEVE chooses.
block_index store::pick_victim(std::uint32_t partition) {
  const std::uint32_t used = header_->spaces_used.load();
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < used; i++)
    total += queue(partition, static_cast<space_index>(i)).count;
  if (total == 0) return none;
  std::uint32_t& random = partitions_[partition].random;
  random = random * 1664525U + 1013904223U;
  std::uint64_t at = (std::uint64_t{random} * total) >> 32;
  for (std::uint32_t i = 0; i < used; i++) {
    sieve_queue& q = queue(partition, static_cast<space_index>(i));
    if (at < q.count) return eviction().pick_victim(q);
    at -= q.count;
  }
  return none;
}

bool store::reserve(std::uint32_t partition, std::uint32_t blocks) {
  if (blocks > shape_.blocks_per_partition) return false;
  stash::partition& p = partitions_[partition];
  const auto available = [&] { return p.free_count + (p.end - p.untouched); };
  if (available() < blocks) collect_returned(partition);
  while (available() < blocks) {
    const block_index victim = pick_victim(partition);
    if (victim == none) return false;
    count(entry_at(victim).space, event::eviction);
    remove_entry(partition, victim);
    // Tag records that lived only for the victim came back here.
    if (p.returned.load() != none) collect_returned(partition);
  }
  return true;
}

void store::remove_entry(std::uint32_t partition, block_index index) {
  entry& e = entry_at(index);
  block_index* at = &bucket_of(partition, e.hash);
  while (*at != index) at = &entry_at(*at).bucket_next;
  // Atomic only for prefetch_entry, which looks at a bucket without the lock.
  std::atomic_ref(*at).store(e.bucket_next, std::memory_order_relaxed);
  eviction().on_remove(queue(partition, e.space), index);
  each_link(e, [&](std::uint32_t id) { unlink_entry(e, id); });

  space& owner = spaces_[e.space];
  owner.bytes.fetch_sub(static_cast<std::int64_t>(blocks_for(e) * block_size));
  owner.entries.fetch_sub(1);
  free_chain(partition, e.links);
  free_chain(partition, index);
}

}  // namespace stash

// Scans over buckets: keys, prefixes, the sweep, and purging a namespace (see store.hpp).
//
// Buckets never move, so a scan that visits each of them once sees every key that was there
// throughout. A lock is held for a small group of buckets at a time, and exclusively only when the
// group holds something to remove.
#include <algorithm>
#include <cstring>

#include "store/store_internal.hpp"

#include "store/core_wall.hpp"

namespace stash {
namespace {
constexpr std::uint32_t group = 32;
}

store::bucket_scan store::scan_keys(space_index space, timestamp now, std::uint64_t from,
                                    std::uint32_t count, char* buffer, std::size_t capacity) const {
  bucket_scan result;
  result.next_bucket = from;
  const std::uint64_t end = std::min(from + count, bucket_total());
  while (result.next_bucket < end) {
    const auto p = static_cast<std::uint32_t>(result.next_bucket / shape_.buckets_per_partition);
    const held_lock guard = lock_partition(p, lock_mode::shared);
    const std::uint64_t stop = std::min(
        {end, result.next_bucket + group, std::uint64_t{p + 1} * shape_.buckets_per_partition});
    for (; result.next_bucket < stop; result.next_bucket++) {
      std::size_t needed = 0;
      const std::size_t begin = result.used;
      for (block_index at = buckets_[result.next_bucket]; at != none;
           at = entry_at(at).bucket_next) {
        const entry& e = entry_at(at);
        if (e.space != space || e.kind == value_kind::role_marker || state_of(e, now).dead)
          continue;
        const std::size_t size = sizeof e.key_size + e.key_size;
        if (result.used + size <= capacity && needed == result.used - begin) {
          std::memcpy(buffer + result.used, &e.key_size, sizeof e.key_size);
          copy_payload(e, 0, buffer + result.used + sizeof e.key_size, e.key_size);
          result.used += size;
        }
        needed += size;
      }
      if (begin + needed > capacity) {
        // This bucket did not fit whole: it is not part of the answer.
        result.used = begin;
        if (begin == 0) result.needed = needed;
        return result;
      }
    }
  }
  return result;
}

std::uint32_t store::sweep(timestamp now, std::uint32_t count) {
  std::uint32_t removed = 0;
  const auto gone = [&](const entry& e) {
    const death state = state_of(e, now);
    return state.dead && state.since + e.stale_seconds * microseconds_per_second <= now;
  };
  for (std::uint32_t done = 0; done < count; done += group) {
    // Two sweepers that read the same position only do the same work twice.
    std::uint32_t p = header_->sweep_partition.load();
    std::uint32_t from = header_->sweep_bucket.load();
    if (p >= shape_.partitions || from >= shape_.buckets_per_partition) p = from = 0;
    const std::uint32_t next = from + group;
    header_->sweep_bucket.store(next < shape_.buckets_per_partition ? next : 0);
    if (next >= shape_.buckets_per_partition)
      header_->sweep_partition.store((p + 1) % shape_.partitions);

    bool found = false;
    {
      const held_lock guard = lock_partition(p, lock_mode::shared);
      for (std::uint32_t i = from; i < next && !found; i++)
        for (block_index at = bucket_of(p, i); at != none && !found; at = entry_at(at).bucket_next)
          found = gone(entry_at(at));
    }
    if (!found) continue;
    const held_lock guard = lock_partition(p, lock_mode::exclusive);
    removed += remove_in_buckets(p, from, group, [&](const entry& e) {
      if (!gone(e)) return false;
      if (!state_of(e, now).invalidated) this->count(e.space, event::expiration);
      return true;
    });
  }
  return removed;
}

namespace {

// Whether an entry's key begins with a prefix, without reading more than the prefix.
bool begins_with(const store& owner, const entry& e, std::string_view prefix) {
  if (e.key_size < prefix.size()) return false;
  char part[64];
  for (std::size_t at = 0; at < prefix.size(); at += sizeof part) {
    const std::size_t size = std::min(sizeof part, prefix.size() - at);
    owner.copy_payload(e, at, part, size);
    if (std::memcmp(part, prefix.data() + at, size) != 0) return false;
  }
  return true;
}

}  // namespace

std::uint64_t store::remove_prefix(space_index space, std::string_view prefix) {
  std::uint64_t removed = 0;
  const auto matches = [&](const entry& e) {
    return e.space == space && begins_with(*this, e, prefix);
  };
  for (std::uint32_t p = 0; p < shape_.partitions; p++) {
    {
      // With the lock: whoever passed its checks before the caller's flux may be storing right now.
      const held_lock guard = lock_partition(p, lock_mode::shared);
      if (queue(p, space).count == 0) continue;
    }
    for (std::uint32_t from = 0; from < shape_.buckets_per_partition; from += group) {
      bool found = false;
      {
        const held_lock guard = lock_partition(p, lock_mode::shared);
        for (std::uint32_t i = from; i < from + group && !found; i++)
          for (block_index at = bucket_of(p, i); at != none && !found;
               at = entry_at(at).bucket_next)
            found = matches(entry_at(at));
      }
      if (!found) continue;
      const held_lock guard = lock_partition(p, lock_mode::exclusive);
      removed += remove_in_buckets(p, from, group, matches);
    }
  }
  return removed;
}

std::uint64_t store::count_prefix(space_index space, std::string_view prefix, timestamp now) const {
  std::uint64_t found = 0;
  for (std::uint32_t p = 0; p < shape_.partitions; p++) {
    for (std::uint32_t from = 0; from < shape_.buckets_per_partition; from += group) {
      const held_lock guard = lock_partition(p, lock_mode::shared);
      for (std::uint32_t i = from; i < from + group; i++)
        for (block_index at = bucket_of(p, i); at != none; at = entry_at(at).bucket_next) {
          const entry& e = entry_at(at);
          if (e.space == space && e.kind != value_kind::role_marker &&
              begins_with(*this, e, prefix) && !state_of(e, now).dead)
            found++;
        }
    }
  }
  return found;
}

void store::purge_space(space_index space) {
  for (std::uint32_t p = 0; p < shape_.partitions; p++) {
    const held_lock guard = lock_partition(p, lock_mode::exclusive);
    while (queue(p, space).newest != none) remove_entry(p, queue(p, space).newest);
    lease_slot* leases = leases_ + std::size_t{p} * shape_.leases_per_partition;
    for (std::uint32_t i = 0; i < shape_.leases_per_partition; i++)
      if (leases[i].space == space) leases[i] = {};
  }
}

store::usage store::measure() {
  usage result;
  result.bytes_capped = std::uint64_t{shape_.partitions} * shape_.blocks_per_partition * block_size;
  const std::uint32_t used = header_->spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++)
    result.entries += static_cast<std::uint64_t>(spaces_[i].entries.load());
  for (std::uint32_t p = 0; p < shape_.partitions; p++) {
    // Blocks on their way home are free, though nobody may have needed them yet.
    if (partitions_[p].returned.load() != none) {
      const held_lock guard = lock_partition(p, lock_mode::exclusive);
      collect_returned(p);
    }
    const held_lock guard = lock_partition(p, lock_mode::shared);
    const partition& part = partitions_[p];
    const std::uint32_t available = part.free_count + (part.end - part.untouched);
    result.bytes_used += std::uint64_t{shape_.blocks_per_partition - available} * block_size;
  }
  return result;
}

}  // namespace stash

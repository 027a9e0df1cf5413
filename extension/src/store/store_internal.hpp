// Pieces of `store` that its own source files share.
#pragma once

#include "store/store.hpp"

namespace stash {

// Where the eviction policy finds its links: in the entries themselves.
struct store::links_of_entries {
  const store* owner;
  std::uint32_t& newer(std::uint32_t id) const { return owner->entry_at(id).newer; }
  std::uint32_t& older(std::uint32_t id) const { return owner->entry_at(id).older; }
  std::atomic<std::uint8_t>& visited(std::uint32_t id) const { return owner->entry_at(id).visited; }
};

inline store::policy store::eviction() const { return policy(links_of_entries{this}); }

// Removes the entries of some buckets that `pick` names. The caller holds the lock exclusively.
template <typename Pick>
std::uint32_t store::remove_in_buckets(std::uint32_t partition, std::uint32_t from,
                                       std::uint32_t count, Pick pick) {
  std::uint32_t removed = 0;
  for (std::uint32_t i = from; i < from + count; i++) {
    block_index at = bucket_of(partition, i);
    while (at != none) {
      const block_index next = entry_at(at).bucket_next;
      if (pick(entry_at(at))) {
        remove_entry(partition, at);
        removed++;
      }
      at = next;
    }
  }
  return removed;
}

}  // namespace stash

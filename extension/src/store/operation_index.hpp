// From a key or tag to its last operation in a transaction's log: a flat table of positions.
//
// Open addressing with linear probing; what a position stands for is looked up in the log itself,
// so nothing is allocated for an operation. Positions are taken away in the reverse order of their
// arrival only (as a log is cut when a sub-transaction aborts), so the slot that a key took is
// empty again when no later key has been there: no tombstones.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "store/types.hpp"

namespace stash {

class operation_index {
 public:
  [[nodiscard]] bool empty() const { return slots_.empty(); }

  // same(position): whether an operation is about what is looked for. none: nothing is.
  template <typename Same>
  [[nodiscard]] std::uint32_t find(std::size_t hash, Same same) const {
    if (slots_.empty()) return none;
    return slots_[slot_of(hash, same)];
  }

  // Makes `position` the last one. Call reserve before.
  template <typename Same>
  void set(std::size_t hash, std::uint32_t position, Same same) {
    std::uint32_t& slot = slots_[slot_of(hash, same)];
    if (slot == none) used_++;
    slot = position;
  }

  // Takes the newest position away; `previous`: the operation before on the same, or none.
  template <typename Same>
  void take_back(std::size_t hash, std::uint32_t previous, Same same) {
    std::uint32_t& slot = slots_[slot_of(hash, same)];
    if (previous == none) used_--;
    slot = previous;
  }

  // True when there is no room for one more: then reset, and set all of the log in its order.
  [[nodiscard]] bool full() const { return 2 * (used_ + 1) > slots_.size(); }
  void reset(std::size_t expected) {
    slots_.assign(std::bit_ceil(std::max<std::size_t>(64, 4 * expected)), none);
    used_ = 0;
  }

  // Forgets everything; keeps the memory of a usual transaction.
  void clear() {
    constexpr std::size_t most_kept = 1024;
    if (slots_.capacity() > most_kept)
      std::vector<std::uint32_t>().swap(slots_);
    else
      slots_.clear();
    used_ = 0;
  }

 private:
  template <typename Same>
  [[nodiscard]] std::size_t slot_of(std::size_t hash, Same same) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at] != none && !same(slots_[at])) at = (at + 1) & mask;
    return at;
  }

  std::vector<std::uint32_t> slots_;  // a power of two, or nothing
  std::size_t used_ = 0;
};

}  // namespace stash

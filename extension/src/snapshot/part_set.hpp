// A set of part ids for the collector and for statistics: 8 bytes a slot, at most two thirds full,
// so about 16 bytes a part.
#pragma once

#include <cstdint>
#include <vector>

#include "snapshot/references.hpp"

namespace stash::memory {

class part_set {
 public:
  // False when it was there. Ids are positive.
  bool insert(part_id id) {
    if ((count_ + 1) * 3 > slots_.size() * 2) grow();
    part_id& slot = slots_[place_of(id)];
    if (slot == id) return false;
    slot = id;
    count_++;
    return true;
  }
  [[nodiscard]] bool has(part_id id) const { return !slots_.empty() && slots_[place_of(id)] == id; }
  [[nodiscard]] std::size_t size() const { return count_; }
  template <typename Visit>
  void visit(Visit what) const {
    for (const part_id each : slots_)
      if (each != empty) what(each);
  }
  // Gives the memory back, too.
  void clear() {
    count_ = 0;
    std::vector<part_id>().swap(slots_);
  }

 private:
  static constexpr part_id empty = 0;
  static constexpr std::size_t least_slots = 64;

  [[nodiscard]] std::size_t place_of(part_id id) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = (static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15ULL >> 20) & mask;
    while (slots_[at] != empty && slots_[at] != id) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<part_id> before(slots_.empty() ? least_slots : slots_.size() * 2, empty);
    before.swap(slots_);
    for (const part_id each : before)
      if (each != empty) slots_[place_of(each)] = each;
  }

  std::vector<part_id> slots_;
  std::size_t count_ = 0;
};

}  // namespace stash::memory

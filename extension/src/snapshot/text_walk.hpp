// Which versions have one of some parts somewhere in their tree: walked from the root down, with
// what is known to have none remembered, so that a version costs what it does not share with those
// that were looked at before.
//
// For one pool. Lives in a memory context (make_in_context); each call of explore() runs
// statements.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "snapshot/references.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {

class text_walk {
 public:
  explicit text_walk(std::int64_t pool) : pool_(pool) {}

  // A part that was found by its words, and how well it fits.
  void found(part_id part, float rank) { ranks_[part] = rank; }
  [[nodiscard]] bool any() const { return !ranks_.empty(); }

  // The best rank below a root; negative when there is none. Inside SPI.
  float explore(Datum refs, bool leaf);

 private:
  void take(const std::vector<part_id>& ids);
  void load_level();

  std::int64_t pool_;
  std::unordered_map<part_id, float> ranks_;
  std::unordered_set<part_id> without_;
  // Of the present version.
  std::unordered_set<part_id> seen_;
  std::vector<part_id> level_;
  std::vector<part_id> next_;
  float best_ = -1;
};

}  // namespace stash::memory

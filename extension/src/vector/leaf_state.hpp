// What the worker remembers of one leaf of the outbox: which rows it has read and settled.
//
// Rows are named by block and offset. A page is looked at again only when its LSN has changed
// (every insertion changes it) or something on it was left: a row of a transaction that had not
// ended, or one that nobody wanted yet. Some 100 bytes a page; nothing is written down, so a new
// worker begins anew.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <vector>

namespace stash {

inline constexpr std::size_t most_rows_a_page = 320;

struct leaf_page {
  std::uint64_t lsn = 0;
  bool undecided = false;     // a row's transaction had not ended
  bool left = false;          // a row was visible and not wanted
  std::int32_t left_for = 0;  // all that was left is this sync's; 0: of several
  std::bitset<most_rows_a_page> read;
  std::bitset<most_rows_a_page> settled;
};

class leaf_state {
 public:
  static constexpr std::uint64_t place(std::uint32_t block, std::uint32_t offset) {
    return (std::uint64_t{block} << 16U) | offset;
  }

  leaf_page& page(std::uint32_t block) {
    if (pages_.size() <= block) pages_.resize(block + 1);
    return pages_[block];
  }
  [[nodiscard]] std::size_t pages() const { return pages_.size(); }

  void mark_read(std::uint32_t block, std::uint32_t offset) {
    page(block).read.set(offset);
    read_++;
  }
  // A row that was read is left for a later scan after all.
  void unread(std::uint64_t place, std::int32_t sync) {
    leaf_page& on = page(static_cast<std::uint32_t>(place >> 16U));
    const auto offset = static_cast<std::size_t>(place & 0xffffU);
    if (!on.read.test(offset)) return;
    on.read.reset(offset);
    read_--;
    on.left_for = !on.left || on.left_for == sync ? sync : 0;
    on.left = true;
  }
  // Counts for the sync until the leaf is emptied.
  void settle(std::uint64_t place, std::int32_t sync) {
    leaf_page& on = page(static_cast<std::uint32_t>(place >> 16U));
    const auto offset = static_cast<std::size_t>(place & 0xffffU);
    if (on.settled.test(offset)) return;
    on.settled.set(offset);
    settled_++;
    settled_of_[sync]++;
  }

  // Whether everything that was read is settled and nothing was left.
  [[nodiscard]] bool clean() const {
    if (read_ != settled_) return false;
    for (const leaf_page& each : pages_)
      if (each.undecided || each.left) return false;
    return true;
  }
  [[nodiscard]] std::uint64_t read() const { return read_; }
  [[nodiscard]] std::uint64_t settled() const { return settled_; }
  [[nodiscard]] const std::map<std::int32_t, std::int64_t>& settled_of() const {
    return settled_of_;
  }

  void clear() { *this = leaf_state(); }

 private:
  std::vector<leaf_page> pages_;
  std::uint64_t read_ = 0;
  std::uint64_t settled_ = 0;
  std::map<std::int32_t, std::int64_t> settled_of_;
};

}  // namespace stash

// Counts every block of a store that nobody is working on, and follows every link in it.
#pragma once

#include <string>
#include <vector>

#include "store/store.hpp"

namespace stash {

// Everything that a store's structure promises:
// - a block is free, untouched, returned, part of one entry, or one tag record: exactly one of them
// - buckets, queues and the two lists of a tag hold exactly the entries that say so
// - what is counted (entries, bytes, free blocks, links) is what is there
// - nothing is pinned, claimed or in flux
class store_checker {
 public:
  // Empty when all is well.
  static std::vector<std::string> faults(const store& owner);

  // Blocks of a kind, for tests of what work leaves behind.
  struct census {
    std::uint64_t available = 0;  // free, untouched, returned
    std::uint64_t entries = 0;
    std::uint64_t links = 0;
    std::uint64_t records = 0;
  };
  static census count(const store& owner);

 private:
  explicit store_checker(const store& owner);

  void fault(const std::string& what) { faults_.push_back(what); }
  void expect(bool holds, const char* what, std::uint64_t where);
  bool mark(block_index block, const char* as);
  void check_free(std::uint32_t partition);
  void check_entries(std::uint32_t partition);
  void check_entry(block_index at);
  void check_queues(std::uint32_t partition);
  void check_records();
  std::uint32_t check_list(block_index record, std::uint32_t first, bool dead);
  void check_totals();
  void check_stamps();

  const store& owner_;
  std::vector<const char*> marks_;
  std::vector<std::uint32_t> partition_entries_;
  std::vector<std::int64_t> space_entries_;
  std::vector<std::int64_t> space_bytes_;
  std::vector<bool> linked_;  // by link id
  std::uint64_t links_expected_ = 0;
  std::uint64_t links_found_ = 0;
  census census_;
  std::vector<std::string> faults_;
};

}  // namespace stash

// Memory for the packed results of a pipeline. Many share a block, which goes with the last of
// them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

namespace stash::detail {

class result_store {
 public:
  // Memory for one result. `left`: how many of about this size may come, with this one.
  std::shared_ptr<char> place(std::size_t bytes, std::size_t left) {
    constexpr std::size_t alignment = alignof(std::max_align_t);
    bytes = (bytes + alignment - 1) / alignment * alignment;
    if (size_ - used_ < bytes) {
      size_ = std::max(bytes, std::min(bytes * left, largest_block));
      block_ = std::shared_ptr<char[]>(new char[size_]);
      used_ = 0;
    }
    char* here = block_.get() + used_;
    used_ += bytes;
    return {block_, here};
  }

 private:
  // So much is kept at most by a single result that is still in use.
  static constexpr std::size_t largest_block = 32'768;

  std::shared_ptr<char[]> block_;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace stash::detail

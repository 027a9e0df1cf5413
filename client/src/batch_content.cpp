// See stash/batch_content.hpp.
#include "stash/batch_content.hpp"

#include <algorithm>

namespace stash {

answer_store::~answer_store() {
  for (awaited_answer* each = last_; each != nullptr;) {
    awaited_answer* before = each->before_;
    each->~awaited_answer();
    each = before;
  }
}

// The last block is used from its end: how much is left of it says where.
void* answer_store::place(std::size_t bytes) {
  constexpr std::size_t alignment = alignof(std::max_align_t);
  constexpr std::size_t first_block = 1'024;
  constexpr std::size_t block = 16'384;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  if (left_ < bytes) {
    left_ = std::max(bytes, blocks_.empty() ? first_block : block);
    blocks_.push_back(std::unique_ptr<char[]>(new char[left_]));
  }
  left_ -= bytes;
  return blocks_.back().get() + left_;
}

void batch_content::add(std::string_view sql, parameters&& values, awaited_answer* answer) {
  constexpr std::size_t block_size = 16'384;
  constexpr std::size_t worth_moving = 4'096;
  if (entries_.empty() || *entries_.back().sql != sql) texts_.emplace_back(sql);
  const auto count = static_cast<std::size_t>(values.count());
  if (blocks_.empty() || blocks_.back().size() >= block_size || values.size() >= worth_moving)
    blocks_.push_back(std::move(values));
  else
    blocks_.back().append_all(values);
  const std::size_t first = static_cast<std::size_t>(blocks_.back().count()) - count;
  entries_.push_back({&texts_.back(), blocks_.size() - 1, first, count, answer});
  if (answer == nullptr) in_order_++;
}

}  // namespace stash

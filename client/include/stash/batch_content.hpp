// What a pipeline has collected: texts, parameters and where the answers go. Small parameters share
// blocks, and so do the answers, so that a statement costs no memory of its own; large parameters
// are moved here, not copied.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "stash/error.hpp"
#include "stash/result.hpp"

namespace stash {

class answer_store;

/// Where the answer to a typed call goes as soon as it is there.
class awaited_answer {
 public:
  /// One that waits.
  awaited_answer() = default;
  awaited_answer(const awaited_answer&) = delete;
  awaited_answer& operator=(const awaited_answer&) = delete;
  virtual ~awaited_answer() = default;
  /// The rows are there.
  virtual void take(const result& rows) noexcept = 0;
  /// There are none.
  virtual void fail(const failure& why) = 0;

 private:
  friend class answer_store;
  awaited_answer* before_ = nullptr;
};

/// Where the answers of one pipeline are. They go all together, with the pipeline and the last of
/// its handles.
class STASH_API answer_store {
 public:
  /// Empty.
  answer_store() = default;
  answer_store(const answer_store&) = delete;
  answer_store& operator=(const answer_store&) = delete;
  ~answer_store();

  /// Makes one that lives as long as the store.
  template <typename Answer, typename... Arguments>
  Answer* make(Arguments&&... arguments) {
    static_assert(alignof(Answer) <= alignof(std::max_align_t));
    auto* made = new (place(sizeof(Answer))) Answer(std::forward<Arguments>(arguments)...);
    made->before_ = std::exchange(last_, made);
    return made;
  }

 private:
  void* place(std::size_t bytes);

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t left_ = 0;
  awaited_answer* last_ = nullptr;
};

/// Filled by a batch, sent by whoever runs it.
class STASH_API batch_content {
 public:
  /// One statement.
  struct entry {
    /// The same as that of the one before where the text is the same.
    const std::string* sql;
    /// Its parameters: the block, the first one there, how many.
    std::size_t block;
    std::size_t first;
    std::size_t count;
    /// Null: the result comes in order.
    awaited_answer* answer;
  };

  /// Adds a statement. Without an answer its result comes in order.
  void add(std::string_view sql, parameters&& values, awaited_answer* answer);
  /// Where to make an answer.
  [[nodiscard]] const std::shared_ptr<answer_store>& answers() {
    if (answers_ == nullptr) answers_ = std::make_shared<answer_store>();
    return answers_;
  }
  /// All statements.
  [[nodiscard]] const std::vector<entry>& entries() const { return entries_; }
  /// Where a statement's parameters are.
  [[nodiscard]] const parameters& block_of(const entry& one) const { return blocks_[one.block]; }
  /// How many results come in order.
  [[nodiscard]] std::size_t in_order() const { return in_order_; }

 private:
  std::shared_ptr<answer_store> answers_;
  // Does not move what it has when it grows.
  std::deque<std::string> texts_;
  std::vector<parameters> blocks_;
  std::vector<entry> entries_;
  std::size_t in_order_ = 0;
};

}  // namespace stash

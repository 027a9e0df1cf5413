// The nearest rows seen so far, at most a fixed number: a heap whose top is the farthest of them.
// Core. Lies in the caller's memory and has no destructor, so that PostgreSQL may jump over it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace stash::vectors {

struct near_row {
  double distance;
  std::uint64_t sequence;  // breaks ties: the smaller, the nearer
  void* row;               // the caller's
};

constexpr bool nearer(const near_row& a, const near_row& b) {
  return a.distance < b.distance || (a.distance == b.distance && a.sequence < b.sequence);
}

class nearest_rows {
 public:
  /// `rows` has room for `capacity` of them.
  nearest_rows(near_row* rows, std::size_t capacity) : rows_(rows), capacity_(capacity) {}

  /// Whether a row would be kept. A NaN is no distance. O(1).
  [[nodiscard]] bool wants(const near_row& row) const {
    return size_ < capacity_ ? row.distance == row.distance
                             : capacity_ > 0 && nearer(row, rows_[0]);
  }

  /// Keeps a row that it wants; the caller's pointer of the row that it gave up for that, or
  /// nullptr. O(log capacity).
  void* keep(const near_row& row) {
    void* given_up = nullptr;
    if (size_ == capacity_) {
      std::pop_heap(rows_, rows_ + size_, nearer);
      given_up = rows_[--size_].row;
    }
    rows_[size_++] = row;
    std::push_heap(rows_, rows_ + size_, nearer);
    return given_up;
  }

  /// Sorts them, the nearest first. Nothing may be kept afterwards.
  void sort() { std::sort_heap(rows_, rows_ + size_, nearer); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const near_row& operator[](std::size_t at) const { return rows_[at]; }

 private:
  near_row* rows_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace stash::vectors

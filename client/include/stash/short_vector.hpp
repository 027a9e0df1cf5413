// A vector whose first elements lie within it: what most statements need takes no memory of its
// own. A call by hand needs none either, and allocations are most of what a typed call could cost
// more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

namespace stash::detail {

// Room for `Within` elements, more of them on the heap. Elements are bytes to it.
template <typename T, std::size_t Within>
class short_vector {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignof(std::max_align_t));

 public:
  short_vector() noexcept {}
  short_vector(const short_vector& other) { append(other.data(), other.size()); }
  short_vector(short_vector&& other) noexcept { take(other); }
  short_vector& operator=(const short_vector& other) {
    if (this != &other) {
      clear();
      append(other.data(), other.size());
    }
    return *this;
  }
  short_vector& operator=(short_vector&& other) noexcept {
    if (this != &other) {
      delete[] heap_;
      take(other);
    }
    return *this;
  }
  ~short_vector() { delete[] heap_; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const T* data() const noexcept { return heap_ != nullptr ? heap_ : within_; }
  [[nodiscard]] T* data() noexcept { return heap_ != nullptr ? heap_ : within_; }
  [[nodiscard]] const T& operator[](std::size_t at) const { return data()[at]; }
  [[nodiscard]] T& back() { return data()[size_ - 1]; }

  // So many more, for the caller to write.
  [[nodiscard]] T* extend(std::size_t count) {
    if (room_ - size_ < count) grow(count);
    size_ += count;
    return data() + size_ - count;
  }
  void append(const T* from, std::size_t count) {
    if (count > 0) std::memcpy(static_cast<void*>(extend(count)), from, count * sizeof(T));
  }
  void push_back(const T& one) { *extend(1) = one; }
  // Only to fewer.
  void shrink(std::size_t size) noexcept { size_ = size; }
  void clear() noexcept { size_ = 0; }

 private:
  void grow(std::size_t more) {
    const std::size_t room = std::max(2 * room_, size_ + more);
    T* grown = new T[room];
    std::memcpy(static_cast<void*>(grown), data(), size_ * sizeof(T));
    delete[] heap_;
    heap_ = grown;
    room_ = room;
  }
  void take(short_vector& other) noexcept {
    heap_ = std::exchange(other.heap_, nullptr);
    room_ = std::exchange(other.room_, Within);
    size_ = std::exchange(other.size_, 0);
    if (heap_ == nullptr)
      std::memcpy(static_cast<void*>(within_), other.within_, size_ * sizeof(T));
  }

  T* heap_ = nullptr;
  std::size_t room_ = Within;
  std::size_t size_ = 0;
  T within_[Within];
};

}  // namespace stash::detail

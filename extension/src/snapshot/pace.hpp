// How much a step of background work takes on: as much as went quickly enough before.
//
// Rows may be in memory or on a slow disk, small or a megabyte, alive or long dead: no fixed number
// of them is short work. A step that took too long halves the next one, a quick one doubles it.
#pragma once

#include <cstdint>

namespace stash::memory {

class pace {
 public:
  // Between least and most, beginning at `begin`.
  constexpr pace(std::int64_t least, std::int64_t begin, std::int64_t most)
      : least_(least), most_(most), size_(begin) {}

  [[nodiscard]] std::int64_t size() const { return size_; }
  void took(std::int64_t microseconds) {
    if (microseconds > too_long) {
      size_ = size_ / 2 < least_ ? least_ : size_ / 2;
    } else if (microseconds < quick) {
      size_ = size_ > most_ / 2 ? most_ : size_ * 2;
    }
  }

  // Microseconds. A step in between keeps its size, so the size settles.
  static constexpr std::int64_t quick = 4'000;
  static constexpr std::int64_t too_long = 12'000;

 private:
  std::int64_t least_;
  std::int64_t most_;
  std::int64_t size_;
};

}  // namespace stash::memory

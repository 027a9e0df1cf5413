// How much a step of background work takes on: as much as went quickly enough before.
//
// Rows may be in memory or on a slow disk, small or a megabyte, alive or long dead: no fixed number
// of them is short work. After a step that took too long the next one is as much smaller as would
// have made that one short; after a quick one the next is half as large again. So a step that meets
// rows that cost several times as much as those before it is still far from what anybody notices.
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
      const auto shorter = static_cast<double>(size_) * static_cast<double>(target) /
                           static_cast<double>(microseconds);
      size_ = shorter < static_cast<double>(least_) ? least_ : static_cast<std::int64_t>(shorter);
    } else if (microseconds < quick) {
      size_ = most_ - size_ < size_ / 2 + 1 ? most_ : size_ + size_ / 2 + 1;
    }
  }

  // Microseconds. A step in between keeps its size, so the size settles.
  static constexpr std::int64_t quick = 2'000;
  static constexpr std::int64_t target = 3'000;
  static constexpr std::int64_t too_long = 5'000;

 private:
  std::int64_t least_;
  std::int64_t most_;
  std::int64_t size_;
};

}  // namespace stash::memory

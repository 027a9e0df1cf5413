// Memory for bytes that are needed until a transaction ends.
//
// Pieces are stable: what `keep` returned stays where it is until `clear`. Chunks are of moderate
// size and never copied into larger ones, so what a process holds follows from what it keeps now,
// not from the largest transaction it ever had: malloc gives large blocks back to the system only
// while they stay under a threshold that rises with the largest block freed.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace stash {

class byte_arena {
 public:
  // Copies the parts one behind the other; O(bytes).
  template <typename... Parts>
  const char* keep(const Parts&... parts) {
    char* const start = room_for((parts.size() + ... + 0));
    char* to = start;
    const auto append = [&](std::string_view part) {
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
    };
    (append(parts), ...);
    return start;
  }

  // Forgets everything, and gives back what is more than a usual transaction needs.
  void clear() {
    used_ = 0;
    current_ = 0;
    if (chunks_.size() == 1 && chunks_.front().size == chunk_size) return;
    std::size_t kept = 0;
    std::size_t count = 0;
    while (count < chunks_.size() && kept + chunks_[count].size <= most_kept)
      kept += chunks_[count++].size;
    chunks_.resize(count);
  }

  // Bytes held in chunks, used or not.
  [[nodiscard]] std::size_t held() const {
    std::size_t sum = 0;
    for (const chunk& each : chunks_) sum += each.size;
    return sum;
  }

  static constexpr std::size_t chunk_size = 64 << 10;
  static constexpr std::size_t most_kept = 512 << 10;

 private:
  struct chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };

  char* room_for(std::size_t size) {
    while (current_ < chunks_.size() && chunks_[current_].size - used_ < size) {
      current_++;
      used_ = 0;
    }
    if (current_ == chunks_.size()) add_chunk(size);
    char* const at = chunks_[current_].bytes.get() + used_;
    used_ += size;
    return at;
  }

  void add_chunk(std::size_t least) {
    const std::size_t size = least > chunk_size ? least : chunk_size;
    chunks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
  }

  std::vector<chunk> chunks_;
  std::size_t current_ = 0;  // chunks before it are full
  std::size_t used_ = 0;     // bytes of the current one
};

}  // namespace stash

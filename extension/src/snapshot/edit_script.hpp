// How one list becomes another by deletions and insertions (Myers, "An O(ND) Difference Algorithm",
// 1986), for lists of any elements that can be compared.
#pragma once

#include <cstdint>
#include <vector>

namespace stash::memory {

enum class edit : std::uint8_t { keep, drop, insert };

// The edits in order, or nothing when more than `most` drops and insertions are needed. same(i, j)
// compares old element i with new element j. Memory: O(most²) at worst.
template <typename Same>
std::vector<edit> edit_script(std::size_t old_count, std::size_t new_count, std::size_t most,
                              Same same) {
  const auto n = static_cast<std::int64_t>(old_count);
  const auto m = static_cast<std::int64_t>(new_count);
  const auto limit = static_cast<std::int64_t>(most);
  // furthest[d][k + d]: how far into the old list diagonal k gets with d edits.
  std::vector<std::vector<std::int64_t>> furthest;
  const auto step_down = [](const std::vector<std::int64_t>& before, std::int64_t d,
                            std::int64_t k) {
    const std::int64_t size = d - 1;
    const auto at = [&](std::int64_t diagonal) {
      return diagonal < -size || diagonal > size
                 ? std::int64_t{-1}
                 : before[static_cast<std::size_t>(diagonal + size)];
    };
    return k == -d || (k != d && at(k - 1) < at(k + 1));
  };
  for (std::int64_t d = 0; d <= limit; d++) {
    std::vector<std::int64_t> reached(static_cast<std::size_t>(2 * d + 1), -1);
    for (std::int64_t k = -d; k <= d; k += 2) {
      std::int64_t x = 0;
      if (d > 0) {
        const std::vector<std::int64_t>& before = furthest.back();
        const bool down = step_down(before, d, k);
        const std::int64_t from = (down ? k + 1 : k - 1) + d - 1;
        x = before[static_cast<std::size_t>(from)] + (down ? 0 : 1);
      }
      std::int64_t y = x - k;
      while (x < n && y < m && x >= 0 && y >= 0 &&
             same(static_cast<std::size_t>(x), static_cast<std::size_t>(y))) {
        x++;
        y++;
      }
      reached[static_cast<std::size_t>(k + d)] = x;
      if (x < n || y < m) continue;
      // Back along the way that led here.
      furthest.push_back(std::move(reached));
      std::vector<edit> edits;
      for (std::int64_t back = d; back >= 0; back--) {
        const std::int64_t diagonal = x - y;
        if (back == 0) {
          edits.insert(edits.end(), static_cast<std::size_t>(x), edit::keep);
          break;
        }
        const std::vector<std::int64_t>& before = furthest[static_cast<std::size_t>(back - 1)];
        const bool down = step_down(before, back, diagonal);
        const std::int64_t from_diagonal = down ? diagonal + 1 : diagonal - 1;
        const std::int64_t from_x = before[static_cast<std::size_t>(from_diagonal + back - 1)];
        const std::int64_t begin_x = from_x + (down ? 0 : 1);
        edits.insert(edits.end(), static_cast<std::size_t>(x - begin_x), edit::keep);
        edits.push_back(down ? edit::insert : edit::drop);
        x = from_x;
        y = from_x - from_diagonal;
      }
      return {edits.rbegin(), edits.rend()};
    }
    furthest.push_back(std::move(reached));
  }
  return {};
}

}  // namespace stash::memory

// Lists of part ids as they are stored: the first id, then differences, in as few bytes as they
// take.
//
// Parts that were made together have neighbouring ids, so most differences take a byte. Seven bits
// a byte, the highest set while more follow; differences are zigzag, small whichever their sign.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stash::memory {

using part_id = std::int64_t;

// In a leaf: the element at `index` is cut out, and consists of these parts.
struct hole_view {
  std::uint32_t index = 0;
  std::vector<part_id> parts;
};

// Writes, in order: a list of a node or a root, or the holes of a leaf.
class reference_writer {
 public:
  explicit reference_writer(std::string* out) : out_(out) {}
  void number(std::uint64_t value);
  void id(part_id value);

 private:
  std::string* out_;
  part_id last_ = 0;
};

// Reads the same. Raises damaged at the end of the bytes, or when a number is too long.
class reference_reader {
 public:
  explicit reference_reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number();
  part_id id();
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  part_id last_ = 0;
};

// The list of a node or a root.
std::vector<part_id> read_list(std::string_view refs);
// The holes of a leaf; none for no bytes.
std::vector<hole_view> read_holes(std::string_view refs);
// Every id in the refs of a leaf or of a node, in order.
std::vector<part_id> read_ids(std::string_view refs, bool leaf);

}  // namespace stash::memory

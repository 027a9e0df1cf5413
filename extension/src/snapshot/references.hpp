// Lists of part ids as they are stored: the first id, then differences, in as few bits as they
// take.
//
// Parts that were made together have neighbouring ids, parts from all over a history have not:
// within a list differences are of one size, which is another one in the next list. So each list
// says in how many bits most of its differences fit (a Rice code: that many low bits as they are,
// the rest counted in ones), and a difference far beyond that carries its own width. Differences
// are zigzag, small whichever their sign. Numbers elsewhere: seven bits a byte, the highest set
// while more follow.
//
// A list: how many, the first id's difference from the last one of the list before, and, of more
// than one, a byte with the number of low bits, and the codes, from the lowest bit of each byte up.
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
  // At least one id.
  void list(const std::vector<part_id>& ids);

 private:
  [[nodiscard]] std::uint64_t difference(part_id to);

  std::string* out_;
  part_id last_ = 0;
};

// Reads the same. Raises damaged at the end of the bytes, and for what the writer cannot have
// written.
class reference_reader {
 public:
  explicit reference_reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number();
  // Adds the ids of a list.
  void list(std::vector<part_id>* ids);
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

 private:
  part_id moved_by(std::uint64_t difference);

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

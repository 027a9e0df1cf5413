// Takes a document apart into parts that other versions of it share.
//
// A container becomes leaves of some neighbouring elements, and above them nodes over neighbouring
// parts. Where a leaf or a node ends depends on what is in it, not on where it lies: after an
// insertion anywhere the boundaries are the same again a few elements on, so all else is shared.
// What precedes the first boundary and what follows the last is left in the list above instead of
// in a node of its own, so that a document that grows at either end makes a node every sixteen
// leaves, not one a version. A long array or object within another is cut out of it and taken apart
// likewise.
//
// A hash stands for everything below it: whoever finds the hash of a part stored need not look
// below. It is 128 bits of a collision-resistant hash over a salt that is the pool's own, for the
// content is not trusted.
//
// Memory: some 150 bytes a part beside the document, which must outlive the tree.
#pragma once

#include <array>
#include <unordered_map>

#include "snapshot/layout.hpp"

namespace stash::memory {

using digest = std::array<std::uint8_t, 16>;
using hash_function = void (*)(std::string_view bytes, digest* hash);

// Changing one of these changes what is shared with what was stored before, and nothing else.
namespace limits {
constexpr std::size_t leaf_size = 256;      // bytes of elements at which a leaf ends, on average
constexpr std::size_t largest_leaf = 2048;  // where it ends in any case
constexpr std::uint32_t most_elements = 128;
constexpr std::uint32_t least_fanout = 4;
constexpr std::uint32_t fanout = 8;  // on average, beyond the least
constexpr std::uint32_t most_fanout = 48;
constexpr std::size_t longest_list = 96;  // longer ones are folded into nodes, but for their ends
constexpr std::size_t cut_size = 1536;  // containers of that size are cut out: rows stay below 2 kB
constexpr int most_cuts = 64;           // levels of cutting out; what is deeper stays in its leaf
constexpr std::size_t inline_size = 512;  // a root leaf up to that size lies in the version
}  // namespace limits

using part_index = std::uint32_t;

struct hole {
  std::uint32_t index;  // of the element in the leaf
  std::vector<part_index> parts;
};

struct part {
  digest hash;
  std::uint32_t height;  // above those below it; a leaf without holes has none
  bool leaf;
  std::vector<part_index> children;  // of a node
  container_reader source;           // of a leaf: where its elements begin
  std::uint32_t count;
  std::size_t size;  // bytes of a leaf's content
  std::vector<hole> holes;
};

class tree {
 public:
  // May throw stopped. The document's bytes are borrowed.
  tree(std::string_view document, const digest& salt, hash_function hash, stop_question stop);

  [[nodiscard]] const std::vector<part>& parts() const { return parts_; }
  // The root: a single leaf that lies in the version itself, or a list.
  [[nodiscard]] bool root_is_leaf() const { return root_is_leaf_; }
  [[nodiscard]] const std::vector<part_index>& root() const { return root_; }
  [[nodiscard]] const digest& root_digest() const { return root_digest_; }
  // The part with this hash, which must be one of the tree's.
  [[nodiscard]] part_index find(const digest& hash) const { return known_.at(hash); }
  // Writes the content of a leaf as a container into `out`, which it replaces.
  void content(const part& leaf, std::string* out);

 private:
  std::vector<part_index> take_apart(std::string_view container, int depth);
  std::vector<part_index> fold(std::vector<part_index> list);
  part_index add_leaf(const container_reader& from, std::uint32_t count, std::vector<hole> holes);
  part_index add_node(const part_index* children, std::size_t count);
  part_index intern(part&& made);
  [[nodiscard]] const digest& hash_of(part_index index) const { return parts_[index].hash; }
  void question() const;

  struct digest_hash {
    std::size_t operator()(const digest& hash) const;
  };

  digest salt_;
  hash_function hash_;
  stop_question stop_;
  std::vector<part> parts_;
  std::unordered_map<digest, part_index, digest_hash> known_;
  std::vector<part_index> root_;
  digest root_digest_{};
  bool root_is_leaf_ = false;
  std::string scratch_;
  std::string hashed_;
  std::vector<element> elements_;
};

// The hashes of what is stored, for whoever checks it. Hashes of parts in the order of their list.
struct hole_hashes {
  std::uint32_t index;
  std::vector<digest> parts;
};
digest leaf_hash(hash_function hash, const digest& salt, std::string_view content,
                 const std::vector<hole_hashes>& holes);
digest node_hash(hash_function hash, const digest& salt, const std::vector<digest>& parts);
digest root_hash(hash_function hash, const digest& salt, const std::vector<digest>& parts);

}  // namespace stash::memory

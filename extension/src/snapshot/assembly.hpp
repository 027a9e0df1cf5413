// Puts a document together from its parts, into memory of exactly its size.
//
// The parts that belong to the document are read beforehand (`stored_parts`); this walks them.
// Depth is bounded by limits::most_cuts, so there is no unbounded recursion.
#pragma once

#include <unordered_map>

#include "snapshot/layout.hpp"
#include "snapshot/references.hpp"

namespace stash::memory {

// What is stored of a part, or of a version's root: bytes that the reader keeps.
struct stored_part {
  bool leaf = false;
  std::string_view content;  // of a leaf: a container
  std::string_view refs;
};

class stored_parts {
 public:
  void add(part_id id, const stored_part& part) { parts_.emplace(id, part); }
  [[nodiscard]] bool has(part_id id) const { return parts_.find(id) != parts_.end(); }
  // Raises damaged when it is not there.
  [[nodiscard]] const stored_part& at(part_id id) const;
  void clear() { parts_.clear(); }

 private:
  std::unordered_map<part_id, stored_part> parts_;
};

// Writes the document's container to `to`, which has room for `size` bytes and is aligned. Raises
// damaged when the parts do not make a document of that size; may throw stopped.
void assemble(const stored_part& root, const stored_parts& parts, char* to, std::size_t size,
              stop_question stop);

}  // namespace stash::memory

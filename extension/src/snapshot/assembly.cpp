// See assembly.hpp.
#include "snapshot/assembly.hpp"

#include "snapshot/tree.hpp"

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

class assembler {
 public:
  assembler(const stored_parts& parts, const char* limit, stop_question stop)
      : parts_(parts), limit_(limit), stop_(stop) {}

  char* write_root(const stored_part& root, char* to) {
    if (!root.leaf) return write_list(read_list(root.refs), to, 0);
    const leaf only{root.content, read_holes(root.refs)};
    return write_leaves({&only, 1}, to, 0);
  }

 private:
  struct leaf {
    std::string_view content;
    std::vector<hole_view> holes;
  };
  struct leaf_span {
    const leaf* begin;
    std::size_t count;
  };

  char* write_list(const std::vector<part_id>& list, char* to, int depth) {
    std::vector<leaf> leaves;
    collect(list, &leaves);
    return write_leaves({leaves.data(), leaves.size()}, to, depth);
  }

  // All leaves below a list, in order, without recursion: a damaged table might hold a cycle.
  void collect(const std::vector<part_id>& list, std::vector<leaf>* leaves) {
    std::vector<part_id> waiting(list.rbegin(), list.rend());
    while (!waiting.empty()) {
      if (stop_ != nullptr && stop_()) throw stopped();
      const stored_part& next = parts_.at(waiting.back());
      waiting.pop_back();
      if (next.leaf) {
        leaves->push_back({next.content, read_holes(next.refs)});
        continue;
      }
      const std::vector<part_id> below = read_list(next.refs);
      waiting.insert(waiting.end(), below.rbegin(), below.rend());
      if (waiting.size() > layout::count_mask) throw damaged("a list of parts without end");
    }
  }

  char* write_leaves(leaf_span leaves, char* to, int depth) {
    if (depth > limits::most_cuts) throw damaged("parts cut out too deep");
    const container_kind kind = kind_of(leaves.begin->content);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < leaves.count; i++) {
      if (kind_of(leaves.begin[i].content) != kind) throw damaged("parts of different kinds");
      count += element_count(leaves.begin[i].content);
    }
    if (count > layout::count_mask) throw damaged("a container of too many elements");
    container_writer writer(to, limit_, kind, static_cast<std::uint32_t>(count));
    if (kind == container_kind::object) write_keys(leaves, &writer);
    for (std::size_t i = 0; i < leaves.count; i++) write_values(leaves.begin[i], &writer, depth);
    return writer.finish();
  }

  static void write_keys(leaf_span leaves, container_writer* writer) {
    element each;
    for (std::size_t i = 0; i < leaves.count; i++) {
      container_reader reader(leaves.begin[i].content);
      while (reader.read(&each)) writer->key(each.key);
    }
  }

  void write_values(const leaf& from, container_writer* writer, int depth) {
    if (stop_ != nullptr && stop_()) throw stopped();
    container_reader reader(from.content);
    auto next_hole = from.holes.begin();
    element each;
    for (std::uint32_t index = 0; reader.read(&each); index++) {
      if (next_hole == from.holes.end() || next_hole->index != index) {
        writer->value(each.value);
        continue;
      }
      char* const begin = writer->begin_nested();
      writer->end_nested(write_list(next_hole->parts, begin, depth + 1));
      ++next_hole;
    }
    if (next_hole != from.holes.end()) throw damaged("a hole behind the last element");
  }

  const stored_parts& parts_;
  const char* limit_;
  stop_question stop_;
};

}  // namespace

const stored_part& stored_parts::at(part_id id) const {
  const auto found = parts_.find(id);
  if (found == parts_.end()) throw damaged("part " + std::to_string(id) + " is missing");
  return found->second;
}

void assemble(const stored_part& root, const stored_parts& parts, char* to, std::size_t size,
              stop_question stop) {
  const char* const limit = to + size;
  if (assembler(parts, limit, stop).write_root(root, to) != limit)
    throw damaged("a document of another size than it says");
}

}  // namespace stash::memory

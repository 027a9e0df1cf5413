// See tree.hpp.
#include "snapshot/tree.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

constexpr char leaf_mark = 'L';
constexpr char node_mark = 'N';
constexpr char root_mark = 'R';

void append_number(std::string* to, std::uint32_t value) {
  to->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_digest(std::string* to, const digest& hash) {
  to->append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

std::uint64_t low_bits(const digest& hash) {
  std::uint64_t value = 0;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

void begin_hash(std::string* to, const digest& salt, char mark) {
  to->clear();
  append_digest(to, salt);
  to->push_back(mark);
}

// Where boundaries fall must not be known for sure to whoever writes the content, so it is seeded.
std::uint64_t boundary_hash(const element& each, std::uint64_t seed) {
  const std::uint64_t keyed = XXH3_64bits_withSeed(each.key.data(), each.key.size(), seed);
  return XXH3_64bits_withSeed(each.value.bytes.data(), each.value.bytes.size(),
                              keyed ^ each.value.type);
}

// A long container is cut out, unless most of it is one string, which cutting would not share.
bool worth_cutting(const value_view& value) {
  if (!value.is_container() || value.bytes.size() < limits::cut_size) return false;
  container_reader reader(value.bytes);
  std::size_t longest = 0;
  element each;
  while (reader.read(&each))
    if (!each.value.is_container()) longest = std::max(longest, each.value.bytes.size());
  return longest < value.bytes.size() / 2;
}

// Collects elements until a leaf is full.
struct filling {
  std::uint32_t count = 0;
  std::size_t size = 0;

  // Whether a leaf ends behind an element of this size and boundary hash.
  bool ends_behind(std::size_t element_size, std::uint64_t boundary) {
    count++;
    size += element_size;
    return boundary % limits::leaf_size < element_size || size >= limits::largest_leaf ||
           count >= limits::most_elements;
  }
};

constexpr std::size_t element_overhead = 8;

}  // namespace

std::size_t tree::digest_hash::operator()(const digest& hash) const { return low_bits(hash); }

void tree::question() const {
  if (stop_ != nullptr && stop_()) throw stopped();
}

tree::tree(std::string_view document, const digest& salt, hash_function hash, stop_question stop)
    : salt_(salt), hash_(hash), stop_(stop) {
  root_ = take_apart(document, 0);
  const part& first = parts_[root_.front()];
  if (root_.size() == 1 && first.leaf && first.size <= limits::inline_size) {
    root_is_leaf_ = true;
    root_digest_ = first.hash;
    return;
  }
  std::vector<digest> hashes;
  hashes.reserve(root_.size());
  for (const part_index each : root_) hashes.push_back(hash_of(each));
  root_digest_ = root_hash(hash_, salt_, hashes);
}

std::vector<part_index> tree::take_apart(std::string_view container, int depth) {
  const std::uint64_t seed = low_bits(salt_);
  std::vector<part_index> leaves;
  std::vector<hole> holes;
  container_reader reader(container);
  container_reader leaf_begin = reader;
  filling present;
  element each;
  while (reader.read(&each)) {
    std::size_t size = element_overhead + each.key.size() + each.value.bytes.size();
    std::uint64_t boundary = 0;
    if (depth < limits::most_cuts && worth_cutting(each.value)) {
      hole cut{present.count, take_apart(each.value.bytes, depth + 1)};
      size = element_overhead + each.key.size() + 2 * cut.parts.size();
      // A member keeps its boundary while its value changes; an element has nothing but its value.
      boundary = reader.kind() == container_kind::object
                     ? boundary_hash({each.key, {}}, seed)
                     : low_bits(hash_of(cut.parts.front())) ^ low_bits(hash_of(cut.parts.back()));
      holes.push_back(std::move(cut));
    } else {
      boundary = boundary_hash(each, seed);
    }
    if (!present.ends_behind(size, boundary)) continue;
    leaves.push_back(add_leaf(leaf_begin, present.count, std::move(holes)));
    holes = {};
    present = {};
    leaf_begin = reader;
    question();
  }
  if (present.count > 0 || leaves.empty())
    leaves.push_back(add_leaf(leaf_begin, present.count, std::move(holes)));
  return fold(std::move(leaves));
}

// Boundaries between the parts of a list: behind a part whose hash says so.
std::vector<part_index> tree::fold(std::vector<part_index> list) {
  std::vector<part_index> begin;  // what precedes the first boundary, level by level
  std::vector<part_index> end;    // what follows the last, reversed
  while (list.size() > limits::longest_list) {
    std::vector<part_index> folded;
    std::size_t from = 0;
    bool first = true;
    for (std::size_t i = 0; i < list.size(); i++) {
      const std::size_t length = i + 1 - from;
      const bool ends =
          length >= limits::least_fanout && low_bits(hash_of(list[i])) % limits::fanout == 0;
      if (!ends && length < limits::most_fanout) continue;
      if (first)
        begin.insert(begin.end(), list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i + 1));
      else
        folded.push_back(add_node(&list[from], length));
      first = false;
      from = i + 1;
    }
    end.insert(end.end(), list.rbegin(), list.rend() - static_cast<std::ptrdiff_t>(from));
    list = std::move(folded);
    question();
  }
  begin.insert(begin.end(), list.begin(), list.end());
  begin.insert(begin.end(), end.rbegin(), end.rend());
  return begin;
}

part_index tree::intern(part&& made) {
  const auto next = static_cast<part_index>(parts_.size());
  const auto [at, is_new] = known_.try_emplace(made.hash, next);
  if (is_new) parts_.push_back(std::move(made));
  return at->second;
}

part_index tree::add_leaf(const container_reader& from, std::uint32_t count,
                          std::vector<hole> holes) {
  part made{{}, 0, true, {}, from, count, 0, std::move(holes)};
  std::vector<hole_hashes> below;
  for (const hole& each : made.holes) {
    hole_hashes hashes{each.index, {}};
    for (const part_index child : each.parts) {
      hashes.parts.push_back(hash_of(child));
      made.height = std::max(made.height, parts_[child].height + 1);
    }
    below.push_back(std::move(hashes));
  }
  content(made, &scratch_);
  made.size = scratch_.size();
  made.hash = leaf_hash(hash_, salt_, scratch_, below);
  return intern(std::move(made));
}

part_index tree::add_node(const part_index* children, std::size_t count) {
  part made{{}, 0, false, {children, children + count}, container_reader({"\0\0\0\0", 4}),
            0,  0, {}};
  begin_hash(&hashed_, salt_, node_mark);
  for (const part_index child : made.children) {
    append_digest(&hashed_, hash_of(child));
    made.height = std::max(made.height, parts_[child].height + 1);
  }
  hash_(hashed_, &made.hash);
  return intern(std::move(made));
}

void tree::content(const part& leaf, std::string* out) {
  elements_.resize(leaf.count);
  container_reader reader = leaf.source;
  for (element& each : elements_)
    if (!reader.read(&each)) throw damaged("a leaf with fewer elements than it says");
  for (const hole& each : leaf.holes) elements_[each.index].value = {};
  const container_kind kind = reader.kind();
  out->resize(size_bound(elements_.data(), elements_.size(), kind));
  container_writer writer(out->data(), out->data() + out->size(), kind, leaf.count);
  if (kind == container_kind::object)
    for (const element& each : elements_) writer.key(each.key);
  for (const element& each : elements_) writer.value(each.value);
  out->resize(static_cast<std::size_t>(writer.finish() - out->data()));
}

digest leaf_hash(hash_function hash, const digest& salt, std::string_view content,
                 const std::vector<hole_hashes>& holes) {
  std::string bytes;
  bytes.reserve(content.size() + 64);
  begin_hash(&bytes, salt, leaf_mark);
  append_number(&bytes, static_cast<std::uint32_t>(holes.size()));
  for (const hole_hashes& each : holes) {
    append_number(&bytes, each.index);
    append_number(&bytes, static_cast<std::uint32_t>(each.parts.size()));
    for (const digest& below : each.parts) append_digest(&bytes, below);
  }
  bytes.append(content);
  digest result;
  hash(bytes, &result);
  return result;
}

namespace {

digest list_hash(hash_function hash, const digest& salt, char mark,
                 const std::vector<digest>& parts) {
  std::string bytes;
  begin_hash(&bytes, salt, mark);
  for (const digest& each : parts) append_digest(&bytes, each);
  digest result;
  hash(bytes, &result);
  return result;
}

}  // namespace

digest node_hash(hash_function hash, const digest& salt, const std::vector<digest>& parts) {
  return list_hash(hash, salt, node_mark, parts);
}

digest root_hash(hash_function hash, const digest& salt, const std::vector<digest>& parts) {
  return list_hash(hash, salt, root_mark, parts);
}

}  // namespace stash::memory

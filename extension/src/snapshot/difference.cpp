// See difference.hpp.
#include "snapshot/difference.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "snapshot/edit_script.hpp"

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

// An element of an array with a hash that tells most different ones apart at once.
struct hashed_element {
  value_view value;
  std::uint64_t hash;
  bool operator==(const hashed_element& other) const {
    return hash == other.hash && value == other.value;
  }
};

struct pair {
  std::string path;
  value_view old_value;
  value_view new_value;
};

std::vector<hashed_element> elements_of(std::string_view array) {
  std::vector<hashed_element> all;
  container_reader reader(array);
  all.reserve(reader.count());
  element each;
  while (reader.read(&each))
    all.push_back({each.value, XXH3_64bits_withSeed(each.value.bytes.data(),
                                                    each.value.bytes.size(), each.value.type)});
  return all;
}

std::string member_path(const std::string& path, std::string_view key) {
  std::string longer = path + '/';
  for (const char each : key) {
    if (each == '~')
      longer += "~0";
    else if (each == '/')
      longer += "~1";
    else
      longer += each;
  }
  return longer;
}

// The order of an object's members.
int compare_keys(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

class comparison {
 public:
  explicit comparison(stop_question stop) : stop_(stop) {}

  std::vector<patch_step> run(pair whole) {
    compare(std::move(whole));
    while (!waiting_.empty()) {
      if (stop_ != nullptr && stop_()) throw stopped();
      const pair next = std::move(waiting_.back());
      waiting_.pop_back();
      if (kind_of(next.old_value.bytes) == container_kind::object)
        compare_objects(next);
      else
        compare_arrays(next);
    }
    return std::move(steps_);
  }

 private:
  void add(std::string path, const value_view& value) {
    steps_.push_back({patch_kind::add, std::move(path), {}, value});
  }
  void remove(std::string path, const value_view& value) {
    steps_.push_back({patch_kind::remove, std::move(path), value, {}});
  }

  // Steps of containers come behind those of what contains them, with paths as these leave them.
  void compare(pair both) {
    if (both.old_value == both.new_value) return;
    const bool alike = both.old_value.is_container() && both.new_value.is_container() &&
                       kind_of(both.old_value.bytes) == kind_of(both.new_value.bytes) &&
                       kind_of(both.old_value.bytes) != container_kind::scalar;
    if (alike)
      waiting_.push_back(std::move(both));
    else
      steps_.push_back({patch_kind::replace, std::move(both.path), both.old_value, both.new_value});
  }

  void compare_objects(const pair& both) {
    container_reader old_reader(both.old_value.bytes);
    container_reader new_reader(both.new_value.bytes);
    element old_member;
    element new_member;
    bool old_left = old_reader.read(&old_member);
    bool new_left = new_reader.read(&new_member);
    while (old_left || new_left) {
      int order = 0;
      if (!old_left)
        order = 1;
      else if (!new_left)
        order = -1;
      else
        order = compare_keys(old_member.key, new_member.key);
      if (order < 0)
        remove(member_path(both.path, old_member.key), old_member.value);
      else if (order > 0)
        add(member_path(both.path, new_member.key), new_member.value);
      else if (old_member.value != new_member.value)
        compare({member_path(both.path, new_member.key), old_member.value, new_member.value});
      if (order <= 0) old_left = old_reader.read(&old_member);
      if (order >= 0) new_left = new_reader.read(&new_member);
    }
  }

  void compare_arrays(const pair& both) {
    const std::vector<hashed_element> before = elements_of(both.old_value.bytes);
    const std::vector<hashed_element> after = elements_of(both.new_value.bytes);
    const std::size_t shorter = std::min(before.size(), after.size());
    std::size_t begin = 0;
    while (begin < shorter && before[begin] == after[begin]) begin++;
    std::size_t end = 0;
    while (end < shorter - begin &&
           before[before.size() - 1 - end] == after[after.size() - 1 - end])
      end++;
    const std::size_t old_count = before.size() - begin - end;
    const std::size_t new_count = after.size() - begin - end;
    std::vector<edit> edits;
    if (old_count > 0 && new_count > 0)
      edits = edit_script(old_count, new_count, most_edits, [&](std::size_t i, std::size_t j) {
        return before[begin + i] == after[begin + j];
      });
    if (edits.empty()) {
      edits.insert(edits.end(), old_count, edit::drop);
      edits.insert(edits.end(), new_count, edit::insert);
    }
    apply_edits(both.path, edits, before.data() + begin, after.data() + begin, begin);
  }

  // `place` is where we are in the array as it is by then.
  void apply_edits(const std::string& path, const std::vector<edit>& edits,
                   const hashed_element* old_next, const hashed_element* new_next,
                   std::size_t place) {
    for (std::size_t at = 0; at < edits.size();) {
      if (edits[at] == edit::keep) {
        at++, old_next++, new_next++, place++;
        continue;
      }
      std::size_t drops = 0;
      std::size_t inserts = 0;
      for (; at < edits.size() && edits[at] != edit::keep; at++)
        (edits[at] == edit::drop ? drops : inserts)++;
      for (; drops > 0 && inserts > 0; drops--, inserts--, place++)
        compare({path + '/' + std::to_string(place), (old_next++)->value, (new_next++)->value});
      for (; drops > 0; drops--) remove(path + '/' + std::to_string(place), (old_next++)->value);
      for (; inserts > 0; inserts--, place++)
        add(path + '/' + std::to_string(place), (new_next++)->value);
    }
  }

  stop_question stop_;
  std::vector<patch_step> steps_;
  std::vector<pair> waiting_;
};

// A document as the value that it is.
value_view whole_value(std::string_view document) {
  if (kind_of(document) != container_kind::scalar) return {layout::container_type, document};
  container_reader reader(document);
  element only;
  if (!reader.read(&only)) throw damaged("a scalar without a value");
  return only.value;
}

}  // namespace

const char* patch_name(patch_kind kind) {
  switch (kind) {
    case patch_kind::add:
      return "add";
    case patch_kind::remove:
      return "remove";
    case patch_kind::replace:
      return "replace";
  }
  return "";
}

std::vector<patch_step> difference(std::string_view old_document, std::string_view new_document,
                                   stop_question stop) {
  return comparison(stop).run({"", whole_value(old_document), whole_value(new_document)});
}

}  // namespace stash::memory

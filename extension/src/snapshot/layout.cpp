// See layout.hpp.
#include "snapshot/layout.hpp"

#include "store/core_wall.hpp"

namespace stash::memory {
namespace {

constexpr std::size_t word = sizeof(std::uint32_t);

std::uint32_t load(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, word);
  return value;
}

void store(char* at, std::uint32_t value) { std::memcpy(at, &value, word); }

constexpr std::uint32_t round_up(std::uint32_t offset) { return (offset + 3) & ~3U; }

std::uint32_t header_of(std::string_view container) {
  if (container.size() < word) throw damaged("a container without a header");
  return load(container.data());
}

bool is_padded(std::uint32_t type) {
  return type == layout::numeric_type || type == layout::container_type;
}

}  // namespace

container_kind kind_of(std::string_view container) {
  const std::uint32_t header = header_of(container);
  if ((header & layout::object) != 0) return container_kind::object;
  return (header & layout::scalar) != 0 ? container_kind::scalar : container_kind::array;
}

std::uint32_t element_count(std::string_view container) {
  return header_of(container) & layout::count_mask;
}

container_reader::container_reader(std::string_view bytes)
    : bytes_(bytes), data_(nullptr), kind_(kind_of(bytes)), count_(element_count(bytes)) {
  const std::uint64_t entries = std::uint64_t{count_} * (kind_ == container_kind::object ? 2 : 1);
  if (word + entries * word > bytes.size()) throw damaged("a container shorter than its entries");
  data_ = bytes.data() + word + entries * word;
  values_.index = kind_ == container_kind::object ? count_ : 0;
  // The values begin behind the last key.
  if (kind_ == container_kind::object)
    for (cursor at{0, 0}; at.index < count_;) {
      (void)entry(&at);
      values_.offset = at.offset;
    }
}

value_view container_reader::entry(cursor* at) const {
  const std::uint32_t entry = load(bytes_.data() + word + std::size_t{at->index} * word);
  const std::uint32_t length = entry & layout::length_mask;
  const std::uint32_t begin = at->offset;
  const std::uint32_t end = (entry & layout::has_offset) != 0 ? length : begin + length;
  const std::uint32_t type = entry & layout::type_mask;
  const std::uint32_t first = is_padded(type) ? round_up(begin) : begin;
  if (end < first || data_ + end > bytes_.data() + bytes_.size())
    throw damaged("an element beyond its container");
  at->index++;
  at->offset = end;
  return {type, {data_ + first, end - first}};
}

bool container_reader::read(element* next) {
  if (read_ == count_) return false;
  read_++;
  next->key = kind_ == container_kind::object ? entry(&keys_).bytes : std::string_view();
  next->value = entry(&values_);
  return true;
}

container_writer::container_writer(char* start, const char* limit, container_kind kind,
                                   std::uint32_t count)
    : start_(start),
      limit_(limit),
      entries_(start + word),
      data_(nullptr),
      at_(nullptr),
      entry_count_(kind == container_kind::object ? count * 2 : count) {
  if (std::size_t{entry_count_} * word + word > static_cast<std::size_t>(limit - start))
    throw damaged("more elements than the document has room for");
  std::uint32_t header = count;
  if (kind == container_kind::object) header |= layout::object;
  if (kind != container_kind::object) header |= layout::array;
  if (kind == container_kind::scalar) header |= layout::scalar;
  store(start_, header);
  data_ = entries_ + std::size_t{entry_count_} * word;
  at_ = data_;
}

void container_writer::check(const char* end) const {
  if (end > limit_ || index_ == entry_count_)
    throw damaged("more content than the document has room for");
}

// Documents begin aligned, and so do all containers in them: offsets from our start will do.
char* container_writer::aligned(char* at) const {
  char* const to = start_ + round_up(static_cast<std::uint32_t>(at - start_));
  check(to);
  while (at < to) *at++ = '\0';
  return to;
}

void container_writer::put_entry(std::uint32_t type, const char* end) {
  const auto length = static_cast<std::uint32_t>(end - at_);
  const auto offset = static_cast<std::uint32_t>(end - data_);
  if (offset > layout::length_mask) throw damaged("a container that is too large");
  const bool counts_from_start = index_ % layout::stride == 0;
  store(entries_ + std::size_t{index_} * word,
        type | (counts_from_start ? offset | layout::has_offset : length));
  index_++;
}

void container_writer::append(const value_view& value) {
  check(at_);
  char* const begin = is_padded(value.type) ? aligned(at_) : at_;
  if (value.bytes.size() > static_cast<std::size_t>(limit_ - begin))
    throw damaged("more content than the document has room for");
  if (!value.bytes.empty()) std::memcpy(begin, value.bytes.data(), value.bytes.size());
  char* const end = begin + value.bytes.size();
  put_entry(value.type, end);
  at_ = end;
}

char* container_writer::begin_nested() {
  check(at_);
  return entry_begin_ = aligned(at_);
}

void container_writer::end_nested(const char* end) {
  check(end);
  put_entry(layout::container_type, end);
  at_ = entry_begin_ + (end - entry_begin_);
}

char* container_writer::finish() {
  if (index_ != entry_count_) throw damaged("a container with fewer elements than it says");
  return at_;
}

std::size_t size_bound(const element* elements, std::size_t count, container_kind kind) {
  constexpr std::size_t padding = word - 1;
  std::size_t size = word + count * word * (kind == container_kind::object ? 2 : 1);
  for (std::size_t i = 0; i < count; i++)
    size += elements[i].key.size() + elements[i].value.bytes.size() + padding;
  return size;
}

}  // namespace stash::memory

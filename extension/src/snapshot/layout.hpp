// jsonb as it lies in memory: reading containers element by element, and writing them.
//
// This is the documented layout of PostgreSQL's utils/jsonb.h, told anew so that the code that
// takes documents apart can be tested without a server; content.cpp asserts that both say the same.
// A "container" is what follows the varlena header. What is read is trusted to be jsonb that
// PostgreSQL made; what is written is what PostgreSQL would have made, byte for byte.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stash::memory {

// Stored bytes that cannot be what this code once wrote.
struct damaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The caller's `stop` said so.
struct stopped : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "stopped"; }
};
// Asked from time to time while a large document is worked on; may be nullptr.
using stop_question = bool (*)();

namespace layout {
constexpr std::uint32_t count_mask = 0x0fffffff;
constexpr std::uint32_t scalar = 0x10000000;
constexpr std::uint32_t object = 0x20000000;
constexpr std::uint32_t array = 0x40000000;
constexpr std::uint32_t length_mask = 0x0fffffff;
constexpr std::uint32_t type_mask = 0x70000000;
constexpr std::uint32_t has_offset = 0x80000000;
constexpr std::uint32_t string_type = 0x00000000;
constexpr std::uint32_t numeric_type = 0x10000000;
constexpr std::uint32_t null_type = 0x40000000;
constexpr std::uint32_t container_type = 0x50000000;
constexpr std::uint32_t stride = 32;
}  // namespace layout

// A value without its padding: the bytes of a string, a numeric, a container; nothing for the rest.
struct value_view {
  std::uint32_t type = layout::null_type;
  std::string_view bytes;

  bool operator==(const value_view&) const = default;
  [[nodiscard]] bool is_container() const { return type == layout::container_type; }
};

// An element of an array, or a member of an object.
struct element {
  std::string_view key;
  value_view value;
};

enum class container_kind : std::uint8_t { array, object, scalar };

// The elements of a container in order. Forward only: offsets are sums of lengths.
class container_reader {
 public:
  explicit container_reader(std::string_view bytes);

  [[nodiscard]] container_kind kind() const { return kind_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  // Fills `next`; false behind the last.
  bool read(element* next);

 private:
  struct cursor {
    std::uint32_t index;
    std::uint32_t offset;  // where the entry before ends
  };
  value_view entry(cursor* at) const;

  std::string_view bytes_;
  const char* data_;
  container_kind kind_;
  std::uint32_t count_;
  std::uint32_t read_ = 0;
  cursor keys_{0, 0};
  cursor values_{0, 0};
};

// How many elements the container has, and of which kind it is.
std::uint32_t element_count(std::string_view container);
container_kind kind_of(std::string_view container);

// Writes a container into memory of a known size. For an object all keys come first, then all
// values.
class container_writer {
 public:
  // Begins at `start`, which is 4-aligned in the whole document.
  container_writer(char* start, const char* limit, container_kind kind, std::uint32_t count);

  void key(std::string_view text) { append({layout::string_type, text}); }
  void value(const value_view& value) { append(value); }
  // A container that somebody else writes: where it begins (aligned); then finish it.
  char* begin_nested();
  void end_nested(const char* end);
  // Behind the last byte. Raises damaged when something is missing.
  char* finish();

 private:
  void append(const value_view& value);
  char* aligned(char* at) const;
  void put_entry(std::uint32_t type, const char* end);
  void check(const char* end) const;

  char* start_;
  const char* limit_;
  char* entries_;
  char* data_;
  char* at_;
  char* entry_begin_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t entry_count_;
};

// The size that a container of these elements has at most.
std::size_t size_bound(const element* elements, std::size_t count, container_kind kind);

}  // namespace stash::memory

// See json_text.hpp.
#include "weaviate/json_text.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>

#include "weaviate/base64.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

// The four bytes of each value, least significant first, whatever the machine's order.
class float_bytes {
 public:
  explicit float_bytes(std::span<const float> values) : values_(values) {}
  [[nodiscard]] std::size_t size() const { return values_.size() * 4; }
  [[nodiscard]] std::uint32_t operator[](std::size_t at) const {
    const auto bits = std::bit_cast<std::uint32_t>(values_[at / 4]);
    return bits >> (at % 4 * 8) & 0xffU;
  }

 private:
  std::span<const float> values_;
};

}  // namespace

void append_string(std::string* to, std::string_view text) {
  to->push_back('"');
  std::size_t plain = 0;
  for (std::size_t at = 0; at < text.size(); at++) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    to->append(text.substr(plain, at - plain));
    plain = at + 1;
    if (c == '"' || c == '\\') {
      to->push_back('\\');
      to->push_back(text[at]);
    } else {
      static constexpr char digits[] = "0123456789abcdef";
      to->append("\\u00");
      to->push_back(digits[c >> 4U]);
      to->push_back(digits[c & 15U]);
    }
  }
  to->append(text.substr(plain));
  to->push_back('"');
}

void append_integer(std::string* to, std::int64_t value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  to->append(text.data(), end);
}

void append_number(std::string* to, double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  to->append(text.data(), end);
}

void append_float(std::string* to, float value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  to->append(text.data(), end);
}

void append_floats(std::string* to, std::span<const float> values) {
  const float_bytes bytes(values);
  const std::size_t start = to->size() + 1;
  to->resize(start + (bytes.size() + 2) / 3 * 4 + 1, '"');
  (*to)[start - 1] = '"';
  char* out = to->data() + start;
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t bits = bytes[at] << 16U | bytes[at + 1] << 8U | bytes[at + 2];
    *out++ = base64_digits[bits >> 18U];
    *out++ = base64_digits[bits >> 12U & 63U];
    *out++ = base64_digits[bits >> 6U & 63U];
    *out++ = base64_digits[bits & 63U];
  }
  const std::size_t rest = bytes.size() - at;
  if (rest == 0) return;
  const std::uint32_t bits = bytes[at] << 16U | (rest == 2 ? bytes[at + 1] << 8U : 0U);
  *out++ = base64_digits[bits >> 18U];
  *out++ = base64_digits[bits >> 12U & 63U];
  *out++ = rest == 2 ? base64_digits[bits >> 6U & 63U] : '=';
  *out++ = '=';
}

}  // namespace stash::weaviate

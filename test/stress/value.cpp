// Encoding and decoding of the cached value; schema.cpp has the same encoding in SQL.
#include "value.hpp"

#include <array>
#include <charconv>

namespace stress {
namespace {

constexpr std::array<const char*, static_cast<size_t>(filler::count)> names = {
    "statements", "pool",      "statement",  "transaction", "fetch",
    "lease",      "procedure", "many",       "snapshot",    "imported",
    "through",    "refill",    "fill_first", "cursor",      "aside"};

std::string_view after(std::string_view text, std::string_view label) {
  const size_t at = text.find(label);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + label.size());
}

bool read_number(std::string_view text, int64_t& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
}

}  // namespace

const char* name_of(filler by) {
  return by == filler::count ? "?" : names[static_cast<size_t>(by)];
}

std::string encode(const cached_value& value) {
  const std::string version = std::to_string(value.version);
  std::string text = "{\"n\": " + std::to_string(value.nonce) + ", \"p\": \"";
  for (int64_t i = 0; i < value.nonce % 89; ++i) text.append(version).push_back('.');
  text.append("\", \"v\": ").append(version);
  text.append(", \"by\": \"").append(name_of(value.by)).append("\"}");
  return text;
}

std::optional<cached_value> decode(std::string_view json) {
  cached_value value;
  if (!read_number(after(json, "\"n\": "), value.nonce)) return std::nullopt;
  if (!read_number(after(json, "\"v\": "), value.version)) return std::nullopt;
  const std::string_view by = after(json, "\"by\": \"");
  for (size_t i = 0; i < names.size(); ++i) {
    if (by == std::string(names[i]) + "\"}") value.by = static_cast<filler>(i);
  }
  if (value.by == filler::count || value.nonce < 0 || encode(value) != json) return std::nullopt;
  return value;
}

}  // namespace stress

// See stash/cached.hpp.
#include "stash/cached.hpp"

#include <charconv>

namespace stash {

std::string cached_tag(std::string_view pattern, const std::vector<json>& arguments) {
  std::string filled;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    filled.append(pattern.substr(0, open));
    if (open == std::string_view::npos) break;
    pattern.remove_prefix(open);
    const std::size_t close = pattern.find('}');
    std::size_t number = 0;
    if (close != std::string_view::npos) {
      const char* end = pattern.data() + close;
      const auto read = std::from_chars(pattern.data() + 1, end, number);
      if (read.ptr != end || number > arguments.size()) number = 0;
    }
    if (number == 0) {
      filled.push_back('{');
      pattern.remove_prefix(1);
      continue;
    }
    const json& one = arguments[number - 1];
    filled.append(one.is_string() ? one.get_ref<const std::string&>() : one.dump());
    pattern.remove_prefix(close + 1);
  }
  return filled;
}

std::string cached_key(std::string_view name, const std::vector<json>& arguments) {
  std::string key(name);
  char before = ':';
  for (const json& each : arguments) {
    key.push_back(before);
    key.append(each.dump());
    before = ',';
  }
  return key;
}

}  // namespace stash

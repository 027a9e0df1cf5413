// See key_image.hpp.
#include "vector/key_image.hpp"

#include <charconv>

#include "store/core_wall.hpp"

namespace stash {

void append_key_part(std::string* image, std::string_view part, int columns) {
  if (columns > 1) {
    image->append(std::to_string(part.size()));
    image->push_back(':');
  }
  image->append(part);
}

std::optional<std::vector<std::string_view>> key_parts(std::string_view image, int columns) {
  if (columns == 1) return std::vector<std::string_view>{image};
  std::vector<std::string_view> parts;
  while (!image.empty()) {
    std::size_t length = 0;
    const char* const end = image.data() + image.size();
    const auto [after, error] = std::from_chars(image.data(), end, length);
    if (error != std::errc{} || after == end || *after != ':') return std::nullopt;
    image.remove_prefix(static_cast<std::size_t>(after - image.data()) + 1);
    if (length > image.size()) return std::nullopt;
    parts.push_back(image.substr(0, length));
    image.remove_prefix(length);
  }
  if (parts.size() != static_cast<std::size_t>(columns)) return std::nullopt;
  return parts;
}

}  // namespace stash

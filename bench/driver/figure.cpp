// See figure.hpp.
#include "figure.hpp"

#include <cstdlib>
#include <stdexcept>

namespace stash::bench {

double parse_figure(const std::string& source, const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) throw std::runtime_error(source + " is no number: \"" + text + "\"");
  return number;
}

double parse_figure_after(const std::string& source, const std::string& text,
                          const std::string& name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) {
    throw std::runtime_error(source + " has no \"" + name + "\": \"" + text + "\"");
  }
  return parse_figure(source + ", " + name, text.substr(at + name.size()));
}

}  // namespace stash::bench

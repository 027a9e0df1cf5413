// Pieces of Prometheus' text exposition format.
#pragma once

#include <string>

namespace stash::detail {

// A label's value. Quotes, backslashes and line ends would end it.
inline std::string escaped(const std::string& label) {
  std::string text;
  for (const char each : label) {
    if (each == '\\' || each == '"') text.push_back('\\');
    if (each == '\n')
      text.append("\\n");
    else
      text.push_back(each);
  }
  return text;
}

}  // namespace stash::detail

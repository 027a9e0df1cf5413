// Pieces of Prometheus' text exposition format.
#pragma once

#include <locale>
#include <sstream>
#include <string>

namespace stash::detail {

// Where it is written. As C writes numbers, whatever locale the program has set, and with all
// their digits: a counter that is rounded stands still for a while and then jumps.
class prometheus_stream : public std::ostringstream {
 public:
  prometheus_stream() {
    imbue(std::locale::classic());
    precision(15);
  }
  // What a metric is, before its values.
  void declare(const std::string& metric, const char* type, const char* help) {
    *this << "# HELP " << metric << ' ' << help << "\n# TYPE " << metric << ' ' << type << '\n';
  }
};

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

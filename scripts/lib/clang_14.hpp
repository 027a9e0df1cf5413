// Read before each file that clang-tidy 14 looks at: libstdc++ has no std::source_location for that
// compiler. Only for looking; nothing is built with it.
#pragma once

#include <source_location>

#if !defined(__cpp_lib_source_location)
namespace std {
struct source_location {
  static constexpr source_location current() { return {}; }
  [[nodiscard]] constexpr unsigned line() const { return 0; }
  [[nodiscard]] constexpr const char* file_name() const { return ""; }
};
}  // namespace std
#endif

// Glob patterns as Redis has them: * any run, ? any one character, [abc] [a-z] [^a] a class,
// \ takes the next character as it is. Bytes, not characters: ? matches one byte of a multi-byte
// character.
#pragma once

#include <string_view>

namespace stash {

// Whether a class that begins behind '[' contains c; `end` is set behind its ']'.
inline bool glob_class(std::string_view pattern, std::size_t at, unsigned char c,
                       std::size_t* end) {
  bool negated = false;
  if (at < pattern.size() && (pattern[at] == '^' || pattern[at] == '!')) {
    negated = true;
    at++;
  }
  bool found = false;
  for (bool first = true; at < pattern.size() && (first || pattern[at] != ']'); first = false) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) at++;
    const auto low = static_cast<unsigned char>(pattern[at++]);
    auto high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = static_cast<unsigned char>(pattern[at + 1]);
      at += 2;
    }
    found = found || (low <= c && c <= high);
  }
  *end = at < pattern.size() ? at + 1 : at;
  return found != negated;
}

// Linear in text × stars: only the last star is ever tried again.
inline bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    std::size_t next = p + 1;
    bool matches = false;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        resume = t;
        continue;
      }
      if (pattern[p] == '?') {
        matches = true;
      } else if (pattern[p] == '[') {
        matches = glob_class(pattern, p + 1, static_cast<unsigned char>(text[t]), &next);
      } else {
        const std::size_t literal = pattern[p] == '\\' && p + 1 < pattern.size() ? p + 1 : p;
        matches = pattern[literal] == text[t];
        next = literal + 1;
      }
    }
    if (matches) {
      p = next;
      t++;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

}  // namespace stash

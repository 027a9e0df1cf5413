// Markdown output, and the memory of whether what was printed is worth anything.
#pragma once

#include <string>
#include <vector>

#include "series.hpp"

namespace stash::bench {

std::string as_rate(double a_second);              // "98.4k", "1.21M"
std::string as_number(double number, int digits);  // "0.64"

enum class better { higher, lower };

// "**0.97** (≥ 0.95)", with "missed" when it is on the wrong side of the mark.
std::string against_mark(double ratio, double mark, better which = better::higher);

class markdown_table {
 public:
  explicit markdown_table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(const std::string& title, const std::string& note = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Reads that missed and writes that were refused, over everything measured so far. Every series in
// which they should not occur is added.
class validity {
 public:
  void add(const std::string& where, const series& measured);
  void add(const std::string& where, const std::string& who, const tally& counts);
  // Prints what was rejected; false when it was more than one operation in a thousand somewhere.
  bool print() const;

 private:
  struct finding {
    std::string where;
    tally counts;
  };
  std::vector<finding> findings_;
};

}  // namespace stash::bench

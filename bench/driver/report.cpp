// See report.hpp.
#include "report.hpp"

#include <algorithm>
#include <cstdio>

namespace stash::bench {

namespace {

constexpr double tolerated_share = 0.001;

double share_of(const tally& counts) {
  return static_cast<double>(counts.rejected) / static_cast<double>(counts.operations);
}

}  // namespace

std::string as_number(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

std::string as_rate(double a_second) {
  if (a_second >= 1e6) return as_number(a_second / 1e6, 2) + "M";
  if (a_second >= 1e3) return as_number(a_second / 1e3, 1) + "k";
  return as_number(a_second, 0);
}

std::string against_mark(double ratio, double mark, better which) {
  const bool higher = which == better::higher;
  const bool met = higher ? ratio >= mark : ratio <= mark;
  return as_number(ratio, 2) + " (" + (higher ? "≥ " : "≤ ") + as_number(mark, 2) +
         (met ? ")" : " **missed**)");
}

void markdown_table::print(const std::string& title, const std::string& note) const {
  std::printf("\n### %s\n\n", title.c_str());
  for (std::size_t i = 0; i < rows_.size(); i++) {
    for (const std::string& cell : rows_[i]) std::printf("| %s ", cell.c_str());
    std::printf("|\n");
    if (i > 0) continue;
    for (std::size_t column = 0; column < rows_[0].size(); column++) {
      std::printf(column == 0 ? "|---" : "|---:");
    }
    std::printf("|\n");
  }
  if (!note.empty()) std::printf("\n%s\n", note.c_str());
  std::fflush(stdout);
}

void validity::add(const std::string& where, const series& measured) {
  for (std::size_t i = 0; i < measured.size(); i++)
    add(where, measured.name(i), measured.counts(i));
}

void validity::add(const std::string& where, const std::string& who, const tally& counts) {
  if (counts.rejected > 0) findings_.push_back({where + ", " + who, counts});
}

bool validity::print() const {
  bool good = true;
  for (const finding& each : findings_) {
    const bool too_many = share_of(each.counts) > tolerated_share;
    good = good && !too_many;
    std::printf("\n%s%s: %llu of %llu reads missed or writes were refused.\n",
                too_many ? "**NOT VALID** " : "", each.where.c_str(),
                static_cast<unsigned long long>(each.counts.rejected),
                static_cast<unsigned long long>(each.counts.operations));
  }
  return good;
}

}  // namespace stash::bench

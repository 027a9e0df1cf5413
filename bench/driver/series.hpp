// Runs contestants side by side: round after round each of them once, so that what drifts (the
// clock of a shared machine, its neighbours) meets all of them alike. A ratio is taken inside each
// round, and the median of the rounds counts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "load.hpp"

namespace stash::bench {

struct contestant {
  std::string name;
  std::function<load_result(double seconds)> run;
};

struct pace {
  double warm_up = 1;
  double seconds = 3;
  int rounds = 3;
};

class series {
 public:
  series(std::vector<contestant> contestants, const pace& how);

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t i) const { return names_[i]; }
  double rate(std::size_t i) const;                         // median, operations a second
  double ratio(std::size_t over, std::size_t under) const;  // median of the rounds
  double driver_microseconds(std::size_t i) const;          // processor time an operation
  tally counts(std::size_t i) const;                        // of all rounds
  std::size_t find(const std::string& name) const;          // size() when it took no part

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<load_result>> results_;  // of each contestant, in rounds
};

double median(std::vector<double> numbers);

}  // namespace stash::bench

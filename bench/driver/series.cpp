// See series.hpp.
#include "series.hpp"

#include <algorithm>

namespace stash::bench {

double median(std::vector<double> numbers) {
  if (numbers.empty()) return 0;
  std::sort(numbers.begin(), numbers.end());
  const std::size_t middle = numbers.size() / 2;
  return numbers.size() % 2 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

series::series(std::vector<contestant> contestants, const pace& how)
    : results_(contestants.size()) {
  for (const contestant& each : contestants) {
    names_.push_back(each.name);
    if (how.warm_up > 0) each.run(how.warm_up);
  }
  for (int round = 0; round < how.rounds; round++) {
    for (std::size_t i = 0; i < contestants.size(); i++) {
      // Every other round the other way about: nobody always runs after the same neighbour.
      const std::size_t who = round % 2 ? contestants.size() - 1 - i : i;
      results_[who].push_back(contestants[who].run(how.seconds));
    }
  }
}

double series::rate(std::size_t i) const {
  std::vector<double> rates;
  for (const load_result& each : results_[i]) rates.push_back(each.rate());
  return median(std::move(rates));
}

double series::ratio(std::size_t over, std::size_t under) const {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < results_[over].size(); round++) {
    ratios.push_back(results_[over][round].rate() / results_[under][round].rate());
  }
  return median(std::move(ratios));
}

double series::driver_microseconds(std::size_t i) const {
  std::vector<double> costs;
  for (const load_result& each : results_[i]) {
    costs.push_back(each.cpu_seconds * 1e6 / static_cast<double>(each.counts.operations));
  }
  return median(std::move(costs));
}

tally series::counts(std::size_t i) const {
  tally sum;
  for (const load_result& each : results_[i]) {
    sum.operations += each.counts.operations;
    sum.rejected += each.counts.rejected;
  }
  return sum;
}

std::size_t series::find(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  return static_cast<std::size_t>(found - names_.begin());
}

}  // namespace stash::bench

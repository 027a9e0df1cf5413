// See distance.hpp.
#include "vector/distance.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vector/half.hpp"

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

// Below it, squares that a float cannot hold may weigh: 65,535 of them are at most 1e-8 of it.
constexpr double smallest_sum = 1e-25;

template <typename Number>
Number read(const void* row, std::size_t at) {
  Number number;
  std::memcpy(&number, static_cast<const std::byte*>(row) + at * sizeof number, sizeof number);
  return number;
}

long double number_at(element kind, const void* row, std::size_t at) {
  switch (kind) {
    case element::half:
      return widen_half(read<std::uint16_t>(row, at));
    case element::real:
      return read<float>(row, at);
    case element::exact:
      break;
  }
  return read<double>(row, at);
}

struct wide_sums {
  long double dot = 0;
  long double norm = 0;
  long double squared_distance = 0;
};

wide_sums widest(const prepared_query& query, element kind, const void* row) {
  wide_sums sums;
  for (std::size_t i = 0; i < query.size; i++) {
    const long double a = query.exact[i];
    const long double b = number_at(kind, row, i);
    sums.dot += a * b;
    sums.norm += b * b;
    sums.squared_distance += (a - b) * (a - b);
  }
  return sums;
}

const void* numbers_beside(const prepared_query& query, element kind) {
  return kind == element::exact ? static_cast<const void*>(query.exact) : query.values;
}

double cosine_distance(const prepared_query& query, element kind, const void* row,
                       const kernels& with) {
  if (query.scale == 0) return 1;
  const auto [dot, norm] = with.dot_norm(numbers_beside(query, kind), row, query.size);
  if (norm >= smallest_sum && std::isfinite(norm) && std::isfinite(dot))
    return std::clamp(1 - dot / std::sqrt(norm), 0.0, 2.0);
  const wide_sums sums = widest(query, kind, row);
  if (sums.norm == 0) return 1;
  const long double cosine = sums.dot / std::sqrt(sums.norm);
  // Not clamp: NaN must stay what it is.
  return std::isnan(cosine) ? NAN : std::clamp(static_cast<double>(1 - cosine), 0.0, 2.0);
}

double inner_product(const prepared_query& query, element kind, const void* row,
                     const kernels& with) {
  const double dot = with.dot(numbers_beside(query, kind), row, query.size);
  return std::isfinite(dot) ? dot : static_cast<double>(widest(query, kind, row).dot);
}

double squared_l2(const prepared_query& query, element kind, const void* row, const kernels& with) {
  const double sum = with.squared_distance(numbers_beside(query, kind), row, query.size);
  if (sum >= smallest_sum && std::isfinite(sum)) return sum;
  return static_cast<double>(widest(query, kind, row).squared_distance);
}

double length_of(const double* numbers, std::size_t size) {
  long double sum = 0;
  for (std::size_t i = 0; i < size; i++)
    sum += static_cast<long double>(numbers[i]) * static_cast<long double>(numbers[i]);
  return static_cast<double>(std::sqrt(sum));
}

}  // namespace

std::optional<metric> metric_named(std::string_view name) {
  if (name == "cosine") return metric::cosine;
  if (name == "inner_product" || name == "dot") return metric::inner_product;
  if (name == "l2") return metric::l2;
  if (name == "l2-squared") return metric::l2_squared;
  return std::nullopt;
}

double score_of(metric measure, double distance) {
  switch (measure) {
    case metric::cosine:
      return 1 - distance / 2;
    case metric::inner_product:
      return -distance;
    case metric::l2:
    case metric::l2_squared:
      break;
  }
  return 1 / (1 + distance);
}

prepared_query prepare(metric measure, const double* numbers, std::size_t size, void* storage) {
  auto* exact = static_cast<double*>(storage);
  auto* values = reinterpret_cast<float*>(exact + size);
  const double scale = measure == metric::cosine ? length_of(numbers, size) : 1;
  for (std::size_t i = 0; i < size; i++) {
    exact[i] = scale == 0 ? 0 : numbers[i] / scale;
    values[i] = static_cast<float>(exact[i]);
  }
  return {measure, static_cast<std::uint32_t>(size), scale, values, exact};
}

double distance_to(const prepared_query& query, element kind, const void* row) {
  const kernels& with = best_kernels().of(kind);
  switch (query.measure) {
    case metric::cosine:
      return cosine_distance(query, kind, row, with);
    case metric::inner_product:
      return -inner_product(query, kind, row, with);
    case metric::l2:
      return std::sqrt(squared_l2(query, kind, row, with));
    case metric::l2_squared:
      break;
  }
  return squared_l2(query, kind, row, with);
}

}  // namespace stash::vectors

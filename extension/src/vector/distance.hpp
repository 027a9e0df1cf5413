// Distances between a query and stored embeddings, by metric. Core: knows no PostgreSQL.
//
// A prepared_query lies in the caller's memory and has no destructor, so that PostgreSQL may jump
// over it. The kernels add up single precision numbers; where that overflows or loses too much (all
// numbers near 0), the row is computed once more in the widest precision there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vector/kernels.hpp"

namespace stash::vectors {

/// cosine: 1 - cos, from 0 to 2; a vector of zeros is at distance 1 of everything.
/// inner_product: minus the inner product. l2: the Euclidean distance. l2_squared: its square.
enum class metric : std::uint8_t { cosine, inner_product, l2, l2_squared };

/// "cosine", "inner_product" or "dot", "l2", "l2-squared"; nothing for another name.
std::optional<metric> metric_named(std::string_view name);

/// More is better: cosine 1 - distance / 2, inner_product the inner product, else 1 / (1 +
/// distance).
double score_of(metric measure, double distance);

struct prepared_query {
  metric measure;
  std::uint32_t size;   // how many numbers
  double scale;         // what they were divided by: their length for cosine, else 1
  const float* values;  // beside rows of element::half and element::real
  const double* exact;  // beside rows of element::exact
};

/// Bytes of the storage that prepare() wants, aligned for double.
constexpr std::size_t query_storage(std::size_t size) {
  return size * (sizeof(double) + sizeof(float));
}

/// The query `numbers`, all finite. Copies them into `storage`, which must outlive the result.
prepared_query prepare(metric measure, const double* numbers, std::size_t size, void* storage);

/// The distance of a row of query.size numbers at any address; NaN when the row has a NaN, or no
/// distance because of infinities. O(size).
double distance_to(const prepared_query& query, element kind, const void* row);

}  // namespace stash::vectors

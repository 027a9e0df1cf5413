// The arithmetic of exact vector search: sums over a query and one stored embedding, written once
// (kernel_body.hpp) and compiled for each instruction set (kernels_*.cpp).
//
// Core: knows no PostgreSQL. Holds no state but which set this processor can run, decided at the
// first call and never changed. Neither operand needs any alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stash::vectors {

/// How the numbers of a stored embedding lie in memory: IEEE 754 in 2, 4 or 8 bytes, in the
/// processor's byte order.
enum class element : std::uint8_t { half, real, exact };

/// Bytes of one number.
constexpr std::size_t size_of(element kind) {
  return kind == element::half ? 2 : kind == element::real ? 4 : 8;
}

struct dot_and_norm {
  double dot;   // the sum of query[i] * row[i]
  double norm;  // the sum of row[i] * row[i]
};

/// Sums over `count` numbers. The query has numbers of 8 bytes beside rows of such, else of 4.
/// Half and real rows are summed up in single precision, in at least 16 partial sums, so a sum may
/// overflow to infinity; rows of 8 bytes are summed up in double precision.
struct kernels {
  dot_and_norm (*dot_norm)(const void* query, const void* row, std::size_t count);
  double (*dot)(const void* query, const void* row, std::size_t count);
  double (*squared_distance)(const void* query, const void* row, std::size_t count);
};

/// The kernels of one instruction set.
struct kernel_set {
  const char* name;
  kernels half;
  kernels real;
  kernels exact;

  [[nodiscard]] const kernels& of(element kind) const {
    return kind == element::half ? half : kind == element::real ? real : exact;
  }
};

/// The sets that this processor can run, the best one first.
std::span<const kernel_set* const> runnable_kernels();

inline const kernel_set& best_kernels() { return *runnable_kernels().front(); }

}  // namespace stash::vectors

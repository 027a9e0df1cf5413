// Kernels for AVX2 with FMA and F16C.
#include "vector/kernel_sets.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#include "vector/half.hpp"

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

#define STASH_KERNEL_BYTES 32
#define STASH_KERNEL __attribute__((target("avx2,fma,f16c")))
#include "vector/kernel_body.hpp"

STASH_KERNEL inline floats widen_halves(const std::byte* from) {
  __m128i halves;
  std::memcpy(&halves, from, sizeof halves);
  const __m256 wide = _mm256_cvtph_ps(halves);
  floats result;
  std::memcpy(&result, &wide, sizeof result);
  return result;
}

}  // namespace

constinit const kernel_set avx2_kernels = set_named("avx2");

}  // namespace stash::vectors

#endif

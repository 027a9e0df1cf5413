// Kernels for AVX-512 (its foundation and the conversions of halves that are part of it).
#include "vector/kernel_sets.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#include "vector/half.hpp"

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

#define STASH_KERNEL_BYTES 64
#define STASH_KERNEL __attribute__((target("avx512f,fma,f16c")))
#include "vector/kernel_body.hpp"

STASH_KERNEL inline floats widen_halves(const std::byte* from) {
  __m256i halves;
  std::memcpy(&halves, from, sizeof halves);
  // Not _mm512_cvtph_ps: GCC 12 warns of an uninitialized register that it makes for that.
  const __m512 wide = _mm512_maskz_cvtph_ps(0xFFFF, halves);
  floats result;
  std::memcpy(&result, &wide, sizeof result);
  return result;
}

}  // namespace

constinit const kernel_set avx512_kernels = set_named("avx512");

}  // namespace stash::vectors

#endif

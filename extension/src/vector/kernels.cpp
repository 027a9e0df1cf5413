// Chooses the kernels that this processor can run (see kernels.hpp).
#include "vector/kernels.hpp"

#include "vector/kernel_sets.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

struct choice {
  const kernel_set* sets[3] = {};
  std::size_t count = 0;
};

#if defined(__x86_64__)
// The compilers' own check does not know this feature everywhere. That the system saves the
// registers is implied by AVX2, which is asked for besides.
bool converts_halves() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

choice choose() {
  choice found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                    converts_halves();
  if (avx2 && __builtin_cpu_supports("avx512f") != 0) found.sets[found.count++] = &avx512_kernels;
  if (avx2) found.sets[found.count++] = &avx2_kernels;
#endif
  found.sets[found.count++] = &portable_kernels;
  return found;
}

}  // namespace

std::span<const kernel_set* const> runnable_kernels() {
  static const choice chosen = choose();
  return {chosen.sets, chosen.count};
}

}  // namespace stash::vectors

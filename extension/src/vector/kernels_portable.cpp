// Kernels of 16-byte registers without anything that a processor may lack: SSE2 on x86-64, NEON on
// ARM.
#include <cstring>

#include "vector/half.hpp"
#include "vector/kernel_sets.hpp"

#include "store/core_wall.hpp"

namespace stash::vectors {
namespace {

#define STASH_KERNEL_BYTES 16
#define STASH_KERNEL
#include "vector/kernel_body.hpp"

inline floats widen_halves(const std::byte* from) {
  std::uint16_t halves[4];
  std::memcpy(halves, from, sizeof halves);
  return floats{widen_half(halves[0]), widen_half(halves[1]), widen_half(halves[2]),
                widen_half(halves[3])};
}

}  // namespace

constinit const kernel_set portable_kernels = set_named("portable");

}  // namespace stash::vectors

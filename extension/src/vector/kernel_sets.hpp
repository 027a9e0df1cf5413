// The kernels of each instruction set, for the one who chooses (kernels.cpp). Core.
#pragma once

#include "vector/kernels.hpp"

namespace stash::vectors {

extern const kernel_set portable_kernels;
#if defined(__x86_64__)
extern const kernel_set avx2_kernels;
extern const kernel_set avx512_kernels;
#endif

}  // namespace stash::vectors

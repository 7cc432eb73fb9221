// The machine's measured peak, to compare kernels with.
#pragma once

#include "cpu/kernels/kernels.h"

namespace ipa_bench {

// Floating-point operations a second of `threads` threads multiplying small matrices
// that stay in their own caches, with the same kernel as everything else:
// what its instructions can do where memory costs nothing.
double peak_flops(const ipa::Kernels& kernels, int threads);

}  // namespace ipa_bench

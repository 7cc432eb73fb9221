// What a launch of a GPU has to do at least, from its arguments.
#pragma once

#include "cuda/backend/gpu_launches.h"

namespace ipa_bench {

struct LaunchCost {
  double flop = 0;  // multiplications and additions of products and attention, as their definition counts them
  // Read and written when each operand passes once between the GPU and its memory.
  double bytes = 0;
  bool halves = false;  // multiplied by tensor cores
};

LaunchCost cost_of(const ipa::gpu::Launches& launches, const ipa::gpu::Launch& launch);
// As the kernels are called in native/cuda/api/kernel_args.h.
const char* name_of(ipa::gpu::Kernel kernel);

}  // namespace ipa_bench

// What tests of a GPU's kernels of attention share: arguments, and branches of random keys and values that the GPU packed.
#pragma once

#include "cuda_kernel_rig.h"

namespace ipa_test {

struct AttentionSize {
  int64_t items, queries;
  int heads, head_size;
};

// All but `out`, without branches.
ipa::gpu::AttentionArgs attention_arguments(const AttentionSize& size, const ipa::gpu::Rows& q,
                                            ipa::gpu::Element compute);

// Adds a branch of random keys and values, with a scale for each query of each item; what the reference makes of it.
ipa_ref::Keys add_branch(CudaRig& rig, ipa::gpu::AttentionArgs& attention, int64_t tokens,
                         const ipa_ref::Tensor& scales);

}  // namespace ipa_test

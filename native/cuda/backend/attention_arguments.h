// What attention and its maps are launched with.
#pragma once

#include "cuda/api/kernel_args.h"
#include "graph/plan.h"

namespace ipa::gpu {

class LaunchBuilder;

// Channels of a head in packed keys and values: whole packs of 16 bytes.
constexpr int32_t padded_head(int32_t head_size) { return (head_size + 7) / 8 * 8; }

// All but `out`. Code::unsupported for more branches than fit.
Status attention_arguments(const LaunchBuilder& builder, const Step& step, AttentionArgs& arguments);

}  // namespace ipa::gpu

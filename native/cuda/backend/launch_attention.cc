// Attention as a launch.
#include "cuda/backend/attention_arguments.h"
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

Status launch_attention(LaunchBuilder& builder, const Step& step) {
  AttentionArgs g;
  IPA_TRY(attention_arguments(builder, step, g));
  g.out = builder.out(step);
  builder.push(Kernel::attention, g);
  return {};
}

}  // namespace

const OpLaunch attention_launch = {launch_attention, nullptr};

}  // namespace ipa::gpu

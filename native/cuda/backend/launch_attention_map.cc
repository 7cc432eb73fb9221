// Attention maps as a launch.
#include <algorithm>
#include <string>

#include "cuda/backend/attention_arguments.h"
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

Status launch_attention_map(LaunchBuilder& builder, const Step& step) {
  const std::vector<TokenSpan>& spans = step.node->spans;
  if (spans.size() > static_cast<size_t>(most_spans))
    return Status(Code::unsupported,
                  "an attention map of more than " + std::to_string(most_spans) + " spans of tokens on a GPU");
  AttentionMapArgs g;
  IPA_TRY(attention_arguments(builder, step, g.attention));
  g.out = static_cast<float*>(builder.address(step.out));
  g.columns = step.out_shape.c;
  g.span_count = static_cast<int32_t>(spans.size());
  g.sources = spans.empty() ? 0 : spans.back().source + 1;
  std::copy(spans.begin(), spans.end(), g.spans);
  builder.push(Kernel::attention_map, g);
  return {};
}

}  // namespace

const OpLaunch attention_map_launch = {launch_attention_map, nullptr};

}  // namespace ipa::gpu

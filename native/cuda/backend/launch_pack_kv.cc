// Packing of keys and values as a launch.
#include "base/ceil_div.h"
#include "cuda/backend/attention_arguments.h"
#include "cuda/backend/gpu_launches.h"
#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {
namespace {

Status launch_pack_kv(LaunchBuilder& builder, const Step& step) {
  const KeyValueShape& kv = step.node->kv;
  PackKvArgs g;
  g.k = builder.input(step, 0);
  g.v = builder.input(step, 1);
  g.out = builder.address(step.out);
  g.items = static_cast<int32_t>(kv.batch);
  g.tokens = static_cast<int32_t>(kv.tokens);
  g.heads = kv.heads;
  g.head_size = kv.head_size;
  g.padded_head = padded_head(kv.head_size);
  g.compute = element_of(kv.compute);
  builder.push(Kernel::pack_kv, g);
  return {};
}

}  // namespace

const OpLaunch pack_kv_launch = {launch_pack_kv, nullptr};

}  // namespace ipa::gpu

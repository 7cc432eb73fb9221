#include "cuda/backend/gpu_ops.h"

namespace ipa::gpu {

const OpLaunch& launch_of(Op op) {
  static const OpLaunch nothing;
  switch (op) {
    case Op::linear:
    case Op::geglu_linear:
    case Op::conv2d: return product_launch;
    case Op::group_norm:
    case Op::norm_statistics:
    case Op::norm_apply: return group_norm_launch;
    case Op::layer_norm: return layer_norm_launch;
    case Op::activation: return activation_launch;
    case Op::add: return add_launch;
    case Op::param_rows: return param_rows_launch;
    case Op::gather_rows: return gather_rows_launch;
    case Op::concat_channels: return concat_channels_launch;
    case Op::concat_tokens: return concat_tokens_launch;
    case Op::upsample: return upsample_launch;
    case Op::pack_kv: return pack_kv_launch;
    case Op::attention: return attention_launch;
    case Op::attention_map: return attention_map_launch;
    case Op::token_map: return token_map_launch;
    case Op::merge_rows: return merge_rows_launch;
    case Op::input:
    case Op::slice_channels:
    case Op::reshape: break;
  }
  return nothing;
}

int64_t scratch_bytes(const Step& step) {
  const auto scratch = launch_of(step.node->op).scratch;
  return scratch ? scratch(step) : 0;
}

}  // namespace ipa::gpu

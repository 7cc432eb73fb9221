// How a GPU runs each op. One row per op, or several that are alike; each is defined in the file that launches it.
#pragma once

#include <cstdint>

#include "graph/plan.h"

namespace ipa::gpu {

class LaunchBuilder;

struct OpLaunch {
  // Null: there is nothing to run.
  Status (*launch)(LaunchBuilder&, const Step&) = nullptr;
  // Working memory in bytes, of shapes alone: the step has no places yet. Null for none.
  int64_t (*scratch)(const Step&) = nullptr;
};

extern const OpLaunch product_launch;          // launch_product.cc: linear, geglu_linear, conv2d
extern const OpLaunch pack_kv_launch;          // launch_pack_kv.cc
extern const OpLaunch attention_launch;        // launch_attention.cc
extern const OpLaunch attention_map_launch;    // launch_attention_map.cc
extern const OpLaunch group_norm_launch;       // launch_norms.cc: group_norm, norm_statistics, norm_apply
extern const OpLaunch layer_norm_launch;       // launch_norms.cc
extern const OpLaunch activation_launch;       // launch_rows.cc
extern const OpLaunch add_launch;              // launch_rows.cc
extern const OpLaunch param_rows_launch;       // launch_copies.cc
extern const OpLaunch gather_rows_launch;      // launch_copies.cc
extern const OpLaunch concat_channels_launch;  // launch_copies.cc
extern const OpLaunch concat_tokens_launch;    // launch_copies.cc
extern const OpLaunch upsample_launch;         // launch_copies.cc
extern const OpLaunch token_map_launch;        // launch_token_merge.cc
extern const OpLaunch merge_rows_launch;       // launch_token_merge.cc

const OpLaunch& launch_of(Op op);
int64_t scratch_bytes(const Step& step);

}  // namespace ipa::gpu

// Stands in for kernels that are not written yet. Each gives way to the true one by itself; the file goes when all are there.
#include "cuda/kernels/launch.cuh"

namespace ipa::gpu {

#define MISSING(name, Args) \
  __attribute__((weak)) LaunchResult name(const Args&, Stream) { return LAUNCH_UNKNOWN; }

MISSING(launch_product, ProductArgs)
MISSING(launch_product_finish, ProductArgs)
MISSING(launch_attention, AttentionArgs)
MISSING(launch_pack_kv, PackKvArgs)
MISSING(launch_attention_map, AttentionMapArgs)
MISSING(launch_norm_sums, GroupNormArgs)
MISSING(launch_norm_finish, GroupNormArgs)
MISSING(launch_norm_apply, GroupNormArgs)
MISSING(launch_layer_norm, LayerNormArgs)
MISSING(launch_elementwise, ElementwiseArgs)
MISSING(launch_copy_rows, CopyArgs)
MISSING(launch_merge_best, TokenMapArgs)
MISSING(launch_merge_ranks, TokenMapArgs)
MISSING(launch_merge_ids, TokenMapArgs)
MISSING(launch_merge_rows, MergeRowsArgs)

}  // namespace ipa::gpu

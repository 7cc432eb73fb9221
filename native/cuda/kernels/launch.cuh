// Launches a kernel by its number. Each file of kernels says how its own are launched.
#pragma once

#include "cuda/kernels/device.cuh"

namespace ipa::gpu {

// `arguments`: the struct of that kernel. LAUNCH_UNKNOWN for a number or a combination that there is no kernel of.
LaunchResult launch_kernel(int32_t kernel, const void* arguments, uint64_t bytes, Stream stream);

LaunchResult launch_product(const ProductArgs& g, Stream stream);             // product.cu
LaunchResult launch_plain_product(const ProductArgs& g, Stream stream);       // product_plain.cu
LaunchResult launch_product_finish(const ProductArgs& g, Stream stream);      // product.cu
LaunchResult launch_attention(const AttentionArgs& g, Stream stream);         // attention.cu
LaunchResult launch_pack_kv(const PackKvArgs& g, Stream stream);              // rows.cu
LaunchResult launch_wide_attention(const AttentionArgs& g, Stream stream);    // attention_wide.cu
LaunchResult launch_plain_attention(const AttentionArgs& g, Stream stream);   // attention_plain.cu
LaunchResult launch_attention_map(const AttentionMapArgs& g, Stream stream);  // attention_map.cu
LaunchResult launch_norm_sums(const GroupNormArgs& g, Stream stream);         // norms.cu
LaunchResult launch_norm_finish(const GroupNormArgs& g, Stream stream);
LaunchResult launch_norm_apply(const GroupNormArgs& g, Stream stream);
LaunchResult launch_layer_norm(const LayerNormArgs& g, Stream stream);
LaunchResult launch_elementwise(const ElementwiseArgs& g, Stream stream);  // rows.cu
LaunchResult launch_copy_rows(const CopyArgs& g, Stream stream);           // rows.cu
LaunchResult launch_merge_best(const TokenMapArgs& g, Stream stream);      // token_merge.cu
LaunchResult launch_merge_ids(const TokenMapArgs& g, Stream stream);
LaunchResult launch_merge_rows(const MergeRowsArgs& g, Stream stream);
LaunchResult launch_unpack(const UnpackArgs& g, Stream stream);  // unpack.cu

}  // namespace ipa::gpu

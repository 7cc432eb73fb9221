#include "cuda/kernels/launch.cuh"

namespace ipa::gpu {
namespace {

template <class Args>
LaunchResult launch_with(LaunchResult (*launch)(const Args&, Stream), const void* arguments, uint64_t bytes,
                         Stream stream) {
  return bytes == sizeof(Args) ? launch(*static_cast<const Args*>(arguments), stream) : LAUNCH_UNKNOWN;
}

}  // namespace

LaunchResult launch_kernel(int32_t kernel, const void* arguments, uint64_t bytes, Stream stream) {
  const auto run = [&](auto launch) { return launch_with(launch, arguments, bytes, stream); };
  switch (static_cast<Kernel>(kernel)) {
    case Kernel::product: return run(&launch_product);
    case Kernel::product_finish: return run(&launch_product_finish);
    case Kernel::attention: return run(&launch_attention);
    case Kernel::attention_map: return run(&launch_attention_map);
    case Kernel::pack_kv: return run(&launch_pack_kv);
    case Kernel::norm_sums: return run(&launch_norm_sums);
    case Kernel::norm_finish: return run(&launch_norm_finish);
    case Kernel::norm_apply: return run(&launch_norm_apply);
    case Kernel::layer_norm: return run(&launch_layer_norm);
    case Kernel::elementwise: return run(&launch_elementwise);
    case Kernel::copy_rows: return run(&launch_copy_rows);
    case Kernel::merge_best: return run(&launch_merge_best);
    case Kernel::merge_ids: return run(&launch_merge_ids);
    case Kernel::merge_rows: return run(&launch_merge_rows);
    case Kernel::unpack: return run(&launch_unpack);
  }
  return LAUNCH_UNKNOWN;
}

}  // namespace ipa::gpu

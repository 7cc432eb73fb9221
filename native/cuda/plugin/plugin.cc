// The plugin's one exported function.
#include "cuda/plugin/failure.h"
#include "cuda/plugin/functions.h"

namespace ipa::gpu::plugin {
namespace {

const GpuApi table = {
    IPA_GPU_ABI,  sizeof(GpuApi), versions,     device_count, device_info,   open,         close,
    memory,       take,           give,         take_pinned,  give_pinned,   copy_in,      copy_out,
    copy_within,  fill_zero,      launch,       graph_begin,  graph_end,     graph_launch, graph_free,
    event_create, event_free,     event_record, event_wait,   event_seconds, describe,
};

}  // namespace
}  // namespace ipa::gpu::plugin

extern "C" __attribute__((visibility("default"))) const GpuApi* ipa_gpu_api(int32_t abi) {
  return abi == IPA_GPU_ABI || abi == 0 ? &ipa::gpu::plugin::table : nullptr;
}

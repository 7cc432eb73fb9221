#include "cuda/loader/use_plugin.h"

#include <atomic>
#include <mutex>

#include "cuda/backend/cuda_device_kind.h"
#include "cuda/loader/plugin_library.h"

namespace ipa::gpu {
namespace {

std::mutex plugin_mutex;
std::atomic<const GpuApi*> plugin_in_use{nullptr};

}  // namespace

Status use_plugin(const std::string& path) {
  const std::lock_guard<std::mutex> lock(plugin_mutex);
  IPA_ASSIGN(const GpuApi* api, open_plugin(path));
  register_cuda(*api);
  plugin_in_use = api;
  return {};
}

const GpuApi* used_plugin() { return plugin_in_use; }

}  // namespace ipa::gpu

#include "cuda/backend/gpu_device.h"

#include <utility>

namespace ipa::gpu {
namespace {

std::string described(const GpuApi& api) {
  char text[512] = {};
  api.describe(text, sizeof text);
  return text;
}

std::string megabytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; }

}  // namespace

std::string version_text(int32_t version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

Status explain(const GpuApi& api, GpuResult result, int index) {
  GpuVersions versions = {};
  (void)api.versions(&versions);
  switch (result) {
    case gpu_ok: return {};
    case gpu_no_driver:
      return Status(Code::unsupported, "there is no NVIDIA driver that answers: install one for CUDA " +
                                           version_text(versions.needed) +
                                           " or newer, or use the device \"cpu\"");
    case gpu_driver_too_old:
      return Status(Code::unsupported, "the NVIDIA driver is too old: it runs CUDA " +
                                           version_text(versions.driver) + ", and " +
                                           version_text(versions.needed) +
                                           " is needed; update the driver, or use the device \"cpu\"");
    case gpu_no_device: {
      int32_t count = 0;
      if (api.device_count(&count) == gpu_ok && count > 0)
        return Status(Code::invalid_option,
                      "there is no GPU number " + std::to_string(index) + ": there " +
                          (count == 1 ? "is one, \"cuda:0\""
                                      : "are " + std::to_string(count) + ", counted from \"cuda:0\""));
      return Status(Code::unsupported, "the NVIDIA driver finds no GPU: use the device \"cpu\"");
    }
    case gpu_old_architecture:
      return Status(Code::unsupported,
                    "the GPU is older than this engine's code, which needs compute capability 7.5 (" +
                        described(api) + "): use the device \"cpu\"");
    case gpu_no_memory:
      return Status(Code::no_memory, "the GPU has no memory left for this process (" + described(api) + ")");
    case gpu_lost:
    case gpu_failed: break;
  }
  return Status(Code::unsupported, "the GPU cannot be used: " + described(api));
}

Result<std::shared_ptr<const GpuDevice>> GpuDevice::open(const GpuApi& api, int index, std::string name) {
  GpuDeviceInfo info = {};
  if (const GpuResult result = api.device_info(index, &info)) return explain(api, result, index);
  GpuQueue* queue = nullptr;
  if (const GpuResult result = api.open(index, &queue)) return explain(api, result, index);
  return std::shared_ptr<const GpuDevice>(new GpuDevice(api, queue, info, std::move(name)));
}

GpuDevice::~GpuDevice() { api_.close(queue_); }

Status GpuDevice::check(GpuResult result, const char* what) const {
  if (result == gpu_ok) return {};
  const std::lock_guard<std::mutex> lock(mutex_);
  if (failed_) return failure_;
  failure_ = Status(result == gpu_no_memory ? Code::no_memory : Code::unsupported,
                    name_ + (result == gpu_lost ? " is lost: " : " failed: ") + what + " answered \"" +
                        described(api_) + "\". This pipeline is of no more use; load it anew" +
                        (result == gpu_lost ? " in a new process" : ""));
  failed_ = true;
  return failure_;
}

Status GpuDevice::no_memory(size_t bytes, const std::string& message) const {
  uint64_t free_bytes = 0, total = 0;
  if (api_.memory(queue_, &free_bytes, &total) != gpu_ok) return Status(Code::no_memory, message);
  return Status(Code::no_memory,
                message + " (" + name_ + " has " + megabytes(free_bytes) + " of " + megabytes(total) +
                    " free, and " + megabytes(bytes) +
                    " are needed at once: use a smaller picture, `tiling`, dtype \"int8\", or put "
                    "parts on the CPU with `devices`)");
}

Status GpuDevice::status() const {
  if (!failed_) return {};
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

}  // namespace ipa::gpu

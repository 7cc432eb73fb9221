#include "cuda/backend/gpu_device.h"

#include <utility>

#include "base/guard.h"
#include "cuda/backend/gpu_status.h"

namespace ipa::gpu {
namespace {

std::string megabytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; }
std::string megabytes_up(uint64_t bytes) {
  return std::to_string((bytes >> 20) + (bytes % (1 << 20) != 0)) + " MB";
}

}  // namespace

Result<std::shared_ptr<const GpuDevice>> GpuDevice::open(const GpuApi& api, int index, std::string name) {
  GpuVersions versions = {};
  IPA_TRY(gpu_status(api, api.versions(&versions), name, "asking for the driver"));
  IPA_TRY(driver_status(versions));
  int32_t count = 0;
  IPA_TRY(gpu_status(api, api.device_count(&count), name, "counting the GPUs"));
  if (count > 0 && index >= count)
    return Status(Code::invalid_option, "there is no \"" + name + "\": there " +
                                            (count == 1 ? "is one GPU, \"cuda:0\""
                                                        : "are " + std::to_string(count) +
                                                              " GPUs, the first of which is \"cuda:0\""));
  GpuDeviceInfo info = {};
  IPA_TRY(gpu_status(api, api.device_info(index, &info), name, "asking what it is"));
  GpuQueue* queue = nullptr;
  IPA_TRY(gpu_status(api, api.open(index, &queue), device_text(index, &info), "opening it"));
  return std::shared_ptr<const GpuDevice>(new GpuDevice(api, queue, info, std::move(name)));
}

GpuDevice::~GpuDevice() { api_.close(queue_); }

void GpuDevice::keep_failure(Status failure) const noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (failed_) return;
  failure_ = std::move(failure);
  failed_ = true;
}

Status GpuDevice::check(GpuResult result, const char* what) const {
  if (result == gpu_ok) return {};
  // First: it asks what this thread's last call had to say.
  Status status = gpu_status(api_, result, name_, what);
  if (failed_) return this->status();
  if (result == gpu_no_memory) return Status(Code::no_memory, status.message() + free_text());
  keep_failure(status);
  return this->status();
}

bool GpuDevice::note(GpuResult result, const char* what) const noexcept {
  if (result == gpu_ok) return true;
  if (!failed_) keep_failure(guarded([&] { return gpu_status(api_, result, name_, what); }));
  return false;
}

std::string GpuDevice::free_text() const {
  uint64_t free_bytes = 0, total = 0;
  if (api_.memory(queue_, &free_bytes, &total) != gpu_ok) return "";
  return " (" + megabytes(free_bytes) + " of " + megabytes(total) + " are free)";
}

Status GpuDevice::no_memory(size_t bytes, const std::string& message) const {
  if (failed_) return status();
  uint64_t free_bytes = 0, total = 0;
  const GpuResult asked = api_.memory(queue_, &free_bytes, &total);
  if (asked != gpu_ok) return check(asked, "asking for its memory");
  return Status(
      Code::no_memory,
      message + " (" + name_ + " has " + megabytes(free_bytes) + " of " + megabytes(total) + " free, and " +
          megabytes_up(bytes) +
          " are needed at once: end other programs that use it, put parts elsewhere with `devices`, or "
          "use dtype \"int8\", a smaller picture or `vaeTiling`)");
}

Status GpuDevice::status() const {
  if (!failed_) return {};
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

}  // namespace ipa::gpu

#include "cuda/backend/gpu_status.h"

namespace ipa::gpu {
namespace {

constexpr const char* driver_fix = "install NVIDIA's driver r580 or later, or use device \"cpu\"";

// In brackets, with a blank in front; nothing for none.
std::string details(const GpuApi& api) {
  char text[256] = "";
  api.describe(text, sizeof text);
  return text[0] ? " (" + std::string(text) + ")" : "";
}

Status driver_failure(const GpuApi& api, GpuResult result, const std::string& said) {
  GpuVersions versions = {};
  const bool known = api.versions(&versions) == gpu_ok;
  const Status status = known ? driver_status(versions) : Status();
  if (!status.ok()) return Status(status.code(), status.message() + said);
  const std::string found = known ? " (CUDA " + cuda_version_text(versions.driver) + ")" : "";
  if (result == gpu_driver_too_old)
    return Status(Code::device, "the NVIDIA driver" + found + " refuses this plugin: " + driver_fix + said);
  return Status(Code::device,
                "the NVIDIA driver" + found + " does not answer: restart the machine, or " + driver_fix + said);
}

}  // namespace

std::string cuda_version_text(int32_t version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string device_text(int32_t index, const GpuDeviceInfo* info) {
  const std::string name = "cuda:" + std::to_string(index);
  if (!info) return name;
  return name + " (" + info->name + ", compute capability " + std::to_string(info->major) + "." +
         std::to_string(info->minor) + ")";
}

Status driver_status(const GpuVersions& versions) {
  if (versions.driver <= 0)
    return Status(Code::device, std::string("there is no NVIDIA driver: ") + driver_fix +
                                    "; in a container, start that with --gpus all");
  if (versions.driver >= versions.needed) return {};
  return Status(Code::device, "the NVIDIA driver is too old: it runs CUDA " +
                                  cuda_version_text(versions.driver) + ", and " +
                                  cuda_version_text(versions.needed) + " is needed: " + driver_fix);
}

Status old_architecture_status(const std::string& device) {
  return Status(Code::device,
                device +
                    ": the plugin has no code for this GPU: compute capability 7.5 (Turing) is the "
                    "oldest that it supports; use another GPU, or device \"cpu\"");
}

Status gpu_status(const GpuApi& api, GpuResult result, const std::string& device, const std::string& doing) {
  if (result == gpu_ok) return {};
  const std::string said = details(api);
  const std::string where = device + ": " + doing + ": ";
  switch (result) {
    case gpu_ok:
    case gpu_no_driver:
    case gpu_driver_too_old: return driver_failure(api, result, said);
    case gpu_no_device:
      return Status(Code::device,
                    device +
                        ": there is no such GPU: nvidia-smi lists those that the driver sees, and "
                        "CUDA_VISIBLE_DEVICES may hide some" +
                        said);
    case gpu_old_architecture: {
      const Status status = old_architecture_status(device);
      return Status(status.code(), status.message() + said);
    }
    case gpu_no_memory:
      return Status(
          Code::no_memory,
          where + "the memory of the GPU is full: end other programs that use it, or ask for less" + said);
    case gpu_lost:
      return Status(Code::device_lost,
                    where +
                        "the GPU was lost, and this process cannot use it again: start the process anew; if it "
                        "happens again, see the lines with NVRM in dmesg" +
                        said);
    case gpu_failed: break;
  }
  return Status(Code::device, where + "the GPU's driver refused" + said +
                                  ": update the driver, and report this if it happens again");
}

}  // namespace ipa::gpu

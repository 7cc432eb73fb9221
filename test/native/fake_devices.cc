#include "fake_devices.h"

#include <string>
#include <utility>

#include "cpu/cpu_backend.h"
#include "golden_case.h"
#include "pipeline/load/devices.h"

namespace ipa_test {
namespace {

class FakeGpu : public ipa::CpuBackend {
 public:
  FakeGpu(const ipa::CpuBackend& cpu, std::string name, bool has_bf16)
      : CpuBackend(cpu), name_(std::move(name)), has_bf16_(has_bf16) {}
  ipa::Capabilities capabilities() const override {
    ipa::Capabilities own = CpuBackend::capabilities();
    own.device = name_;
    own.is_gpu = true;
    own.has_bf16 = has_bf16_;
    return own;
  }

 private:
  std::string name_;
  bool has_bf16_;
};

using Opened = ipa::Result<std::shared_ptr<const ipa::Backend>>;

}  // namespace

FakeCuda::FakeCuda(int count, bool has_bf16) {
  ipa::add_device_kind("cuda", [count, has_bf16, attempts = attempts_](int index, int threads) -> Opened {
    ++*attempts;
    if (index >= count)
      return ipa::Status(ipa::Code::invalid_option, "there are " + std::to_string(count) + " GPUs");
    const ipa::CpuBackend cpu(golden_backend().kernels(), threads);
    return std::shared_ptr<const ipa::Backend>(
        std::make_shared<const FakeGpu>(cpu, "cuda:" + std::to_string(index), has_bf16));
  });
}

FakeCuda::FakeCuda(ipa::Status failure) {
  ipa::add_device_kind("cuda", [failure = std::move(failure), attempts = attempts_](int, int) -> Opened {
    ++*attempts;
    return failure;
  });
}

}  // namespace ipa_test

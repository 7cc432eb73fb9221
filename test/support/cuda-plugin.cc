// A plugin that drives a GPU of the host's memory (test/native/cuda_fake_gpu.h). FAKE_CUDA says what is wrong with it: see
// test/cuda-plugin.test.ts.
#include <cstdlib>
#include <string>

#include "cuda_fake_gpu.h"

namespace {

const GpuApi* table_of_another_version() {
  static GpuApi table = ipa_test::fake_gpu_api();
  table.abi = IPA_GPU_ABI + 7;
  return &table;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const GpuApi* ipa_gpu_api(int32_t abi) {
  const char* set = std::getenv("FAKE_CUDA");
  const std::string fault = set ? set : "";
  if (fault == "version") return abi == 0 ? table_of_another_version() : nullptr;
  ipa_test::FakeGpu& gpu = ipa_test::fake_gpu();
  gpu = {};
  if (fault == "driver") gpu.versions.driver = 12040;
  if (fault == "memory") gpu.failures["take"] = gpu_no_memory;
  if (fault == "old") gpu.add_device("Fake GTX 1080", 6, 1);
  if (fault != "none") gpu.add_device("Fake H100", 9, 0);
  return &ipa_test::fake_gpu_api();
}

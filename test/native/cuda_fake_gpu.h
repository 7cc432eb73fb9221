// A GPU of the host's memory that does at once what it is asked, and fails where a test says so. It knows one kernel.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cuda/api/gpu_api.h"

namespace ipa_test {

struct FakeGpu {
  GpuVersions versions = {13010, 13000};
  std::vector<GpuDeviceInfo> devices;
  // What a function of the table gives instead of working, by its name.
  std::map<std::string, GpuResult> failures;
  // Of those that say that they worked and did nothing.
  std::string idle;
  int held = 0;  // queues, blocks and events that were not given back
  std::string said;

  // A card that works.
  void add_device(const char* name, int32_t major, int32_t minor);
};

// That of `fake_gpu_api`.
FakeGpu& fake_gpu();
const GpuApi& fake_gpu_api();
// The functions of the table that the trial of a device calls and that may fail, by name.
const std::vector<std::string>& fallible_gpu_functions();

}  // namespace ipa_test

// Whether a GPU computes what the CPU computes, op by op, and how fast.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "check/check_numbers.h"
#include "cuda/api/gpu_api.h"
#include "graph/backend.h"

namespace ipa::gpu {

// What is multiplied and activations are kept in; int8: weights of 8 bits, with activations in f16.
enum class CheckType : uint8_t { f32, f16, bf16, int8 };
const char* check_type_name(CheckType type);
// Multiples of 1/128, which all of them hold as they are.
CheckNumbers check_numbers(CheckType type);

// One op, of one size, in one type.
struct CheckLine {
  std::string op, size;
  CheckType type = CheckType::f32;
  bool ok = false;
  std::string problem;  // in words; empty where it is ok
  double difference =
      0;  // the largest, over the largest number that is right; infinite where there are numbers that are none
  double allowed = 0;
  double seconds = 0;  // median, by the device's clock; 0: not timed
  double flops = 0;    // operations of products a second; 0: it is not about these
  double bytes = 0;    // a second, read and written, where that is its work; 0: it is not
  double of_peak = 0;  // share of what the device could do; 0: not known
};

struct GpuCheck {
  GpuDeviceInfo info = {};
  GpuVersions versions = {};
  double peak = 0;       // see stated_peak(); 0: not known
  double bandwidth = 0;  // see measured_bandwidth()
  int checks = 0, failed = 0;
  Status stopped;  // the failure after which the device could not be used, or ok
};

struct GpuCheckWish {
  int device = 0;
  bool quick = false;  // small sizes alone, and little is timed
  const CancelFlag* cancel = nullptr;
  std::function<void(const CheckLine&)> line;  // gets each as it is there
};

// Checks f32, f16, weights of 8 bits and, where the device has it, bf16. An op that differs is a line that is not ok, and the next one
// follows; a device that fails ends it. The status is about what kept it from beginning, and about cancelling.
Result<GpuCheck> check_gpu(const GpuApi& api, const GpuCheckWish& wish);

}  // namespace ipa::gpu

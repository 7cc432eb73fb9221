// Runs what a GPU is checked on, on a GPU or on the CPU.
#pragma once

#include <vector>

#include "cuda/doctor/check_case.h"
#include "graph/backend.h"

namespace ipa::gpu {

struct CheckedRun {
  std::vector<std::vector<float>> results;  // a list an output
  bool repeats = true;                      // whether a second run gave the same bits
  double seconds = 0;                       // median of the timed runs, by the device's clock; 0: none
};

struct RunWish {
  CheckType type = CheckType::f32;  // of a CPU: f32 alone
  bool twice = false;
  int timed = 0;  // runs
  const CancelFlag* cancel = nullptr;
};

// The same numbers in all types and on all devices.
Result<CheckedRun> run_case(const CheckCase& c, const Backend& backend, const RunWish& wish);

// Largest difference over the largest number of `expected`; infinite for other sizes and for what is no number.
double largest_difference(const CheckedRun& actual, const CheckedRun& expected);

}  // namespace ipa::gpu

// How long pictures of well-known models would take on this machine: of every kind of op in their networks' plans one is measured, of the size
// that has most to do, or a part of it, and its time multiplied by what the plans have of that kind.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "graph/backend.h"

namespace ipa {

// With an image prompt and guidance, its model being loaded. Seconds.
struct PictureTime {
  std::string model;  // "sd15", "sdxl"
  Compute dtype = Compute::f32;
  int side = 0, steps = 0;
  double encoders = 0;  // of both prompts and the picture, once
  double step = 0;
  double decoder = 0;
  double whole() const { return encoders + steps * step + decoder; }
};

// In f32, and in bf16 where it is faster. A few seconds; takes up to a few hundred megabytes. `cancel` may be null.
Result<std::vector<PictureTime>> estimate_times(const Kernels& kernels, const CancelFlag* cancel);

}  // namespace ipa

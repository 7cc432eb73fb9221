// The kernels of a table by name, and which of them a plan runs.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "graph/plan.h"

namespace ipa {

using KernelAddress = void (*)();

struct NamedKernel {
  std::string name;  // "f32.gemm", "layer_norm"
  KernelAddress address = nullptr;
};

bool contains(const std::vector<std::string>& names, const std::string& name);

// Every function of a table, one that several types of numbers share under the first of them.
std::vector<NamedKernel> kernels_of(const Kernels& table);

struct PlannedKernels {
  std::vector<std::string> names;
  bool winograd = false;  // a convolution goes through Winograd's algorithm
};
// What a plan runs of a table, each once, with what its weights were packed by. no_memory.
Result<PlannedKernels> planned_kernels(const Plan& plan, const Kernels& table,
                                       const std::vector<NamedKernel>& names);

}  // namespace ipa

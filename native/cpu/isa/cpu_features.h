// What this processor can do, asked of the processor itself
// (compilers' own detection does not survive cross-building).
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace ipa {

struct Kernels;

// Names such as "avx2", "avx512_bf16", "neon", for people.
const std::vector<std::string>& cpu_features();
// The processor's own name, or "" when it tells none.
std::string cpu_name();
// Kernel tables this machine can run, weakest first.
const std::vector<const Kernels*>& runnable_kernels();
// The strongest, or the one named by the environment variable NODE_IP_ADAPTER_ISA.
// invalid_option when that names an instruction set nobody knows or this machine lacks.
Result<const Kernels*> choose_kernels();

}  // namespace ipa

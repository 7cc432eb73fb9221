// A GPU whose own memory of the host is not that of the tests.
#pragma once

#include "cuda/api/gpu_api.h"

namespace ipa_test {

// The same functions, in which no allocation fails on demand (allocation_counter.h): NVIDIA's runtime allocates for itself, and the
// emulator does so by operator new. One table at a time.
const GpuApi* spared_api(const GpuApi& api);

}  // namespace ipa_test

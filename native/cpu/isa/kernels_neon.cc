// The kernels for neon.
#if defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "cpu/isa/unroll.h"
#include "cpu/kernels/kernels.h"
#include "cpu/pack/winograd.h"

namespace ipa {
namespace neon {
namespace {
// clang-format off
#include "cpu/isa/vec_neon-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace neon

const Kernels kernels_neon = neon::table("neon");
}  // namespace ipa
#endif

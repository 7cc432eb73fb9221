// The kernels for scalar.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "cpu/isa/unroll.h"
#include "cpu/kernels/kernels.h"
#include "cpu/pack/winograd.h"

// Four lanes are no register here: unrolled, nothing would be inlined any more.
#undef IPA_UNROLL
#define IPA_UNROLL

namespace ipa {
namespace scalar {
namespace {
// clang-format off
#include "cpu/isa/vec_scalar-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace scalar

const Kernels kernels_scalar = scalar::table("scalar");
}  // namespace ipa

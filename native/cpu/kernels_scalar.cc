// The kernels for scalar.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "cpu/kernels.h"
#include "cpu/unroll.h"
#include "cpu/winograd.h"

namespace ipa {
namespace scalar {
namespace {
// clang-format off
#include "cpu/vec_scalar-inl.h"
#include "cpu/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace scalar

const Kernels kernels_scalar = scalar::table("scalar");
}  // namespace ipa

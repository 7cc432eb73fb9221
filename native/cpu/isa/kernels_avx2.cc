// The kernels for avx2.
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "cpu/isa/unroll.h"
#include "cpu/kernels/kernels.h"
#include "cpu/pack/winograd.h"

// A target region instead of compiler flags: the same source list builds everywhere, and nothing outside is
// compiled for a processor the user may not have.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

namespace ipa {
namespace avx2 {
namespace {
// clang-format off
#include "cpu/isa/vec_avx2-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace avx2

const Kernels kernels_avx2 = avx2::table("avx2");
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

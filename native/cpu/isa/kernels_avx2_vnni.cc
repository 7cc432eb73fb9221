// The kernels for avx2_vnni: those of avx2 with integer products by one instruction, of the processors that
// have it in the encoding of AVX (client processors from 2021 on) and no AVX-512.
#include "cpu/isa/unroll.h"
#include "cpu/kernels/kernels.h"

#if defined(IPA_HAS_AVX2_VNNI)
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "cpu/pack/winograd.h"

// A target region instead of compiler flags: the same source list builds everywhere, and nothing outside is
// compiled for a processor the user may not have.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avxvnni")
#endif

namespace ipa {
namespace avx2_vnni {
namespace {
// clang-format off
#define IPA_VNNI
#include "cpu/isa/vec_avx2-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace avx2_vnni

const Kernels kernels_avx2_vnni = avx2_vnni::table("avx2_vnni");
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

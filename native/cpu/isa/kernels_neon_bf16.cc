// The kernels for neon_bf16: those of neon_dot with products of bf16 by one instruction (ARMv8.6).
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

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod,bf16"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod+bf16")
#endif

namespace ipa {
namespace neon_bf16 {
namespace {
// clang-format off
#define IPA_DOT
#define IPA_BF16
#include "cpu/isa/vec_neon-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace neon_bf16

const Kernels kernels_neon_bf16 = neon_bf16::table("neon_bf16");
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

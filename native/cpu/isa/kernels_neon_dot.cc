// The kernels for neon_dot: those of neon with byte products by one instruction (the dot products of ARMv8.2).
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
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif

namespace ipa {
namespace neon_dot {
namespace {
// clang-format off
#define IPA_DOT
#include "cpu/isa/vec_neon-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace neon_dot

const Kernels kernels_neon_dot = neon_dot::table("neon_dot");
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

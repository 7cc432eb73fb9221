// The kernels for amx: those of avx512_bf16 with products of bf16 on tiles (Intel server processors from 2023
// on).
#include "cpu/isa/unroll.h"
#include "cpu/kernels/kernels.h"

#if defined(IPA_HAS_AMX)
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
#pragma clang attribute push(                                                                                 \
    __attribute__((                                                                                           \
        target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,amx-tile,amx-bf16,avx2,fma,f16c"))), \
    apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
// gcc 12 takes the deliberately undefined operands inside its own intrinsics for a mistake (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,amx-tile,amx-bf16,avx2,fma,f16c")
#endif

namespace ipa {
namespace amx {
namespace {
// clang-format off
#define IPA_VNNI
#define IPA_BF16
#define IPA_AMX
#include "cpu/isa/vec_avx512-inl.h"
#include "cpu/kernels/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace amx

const Kernels kernels_amx = amx::table("amx");
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

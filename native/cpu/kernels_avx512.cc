// The kernels for avx512.
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/float16.h"
#include "cpu/kernels.h"
#include "cpu/winograd.h"

// A target region instead of compiler flags: the same source list builds everywhere, and nothing outside is
// compiled for a processor the user may not have.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), \
                             apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
// gcc 12 takes the deliberately undefined operands inside its own intrinsics for a mistake (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
#endif

namespace ipa {
namespace avx512 {
namespace {
// clang-format off
#include "cpu/vec_avx512-inl.h"
#include "cpu/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace avx512

const Kernels kernels_avx512 = {
    "avx512",
    {avx512::kTileVectors * avx512::L, avx512::L},
    avx512::kTileRows,
    avx512::kv_layout_of,
    avx512::widen,
    avx512::quantize_weights,
    avx512::quantize_weight_words,
    avx512::gemm,
    avx512::quantize,
    avx512::gemm_int8,
    avx512::quantize_words,
    avx512::gemm_int16,
    avx512::winograd_input,
    avx512::winograd_product,
    avx512::winograd_input_int16,
    avx512::winograd_product_int16,
    avx512::pack_kv,
    avx512::pack_kv_int16,
    avx512::attention,
    avx512::attention_int16,
    avx512::group_norm_sums,
    avx512::group_norm_apply,
    avx512::layer_norm,
    avx512::activate,
    avx512::add_rows,
};
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

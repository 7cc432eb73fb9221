// The kernels for avx2.
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
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

namespace ipa {
namespace avx2 {
namespace {
// clang-format off
#include "cpu/vec_avx2-inl.h"
#include "cpu/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace avx2

const Kernels kernels_avx2 = {
    "avx2",
    {avx2::kTileVectors * avx2::L, avx2::L},
    avx2::kTileRows,
    avx2::kv_layout_of,
    avx2::widen,
    avx2::quantize_weights,
    avx2::quantize_weight_words,
    avx2::gemm,
    avx2::quantize,
    avx2::gemm_int8,
    avx2::quantize_words,
    avx2::gemm_int16,
    avx2::winograd_input,
    avx2::winograd_product,
    avx2::winograd_input_int16,
    avx2::winograd_product_int16,
    avx2::pack_kv,
    avx2::pack_kv_int16,
    avx2::attention,
    avx2::attention_int16,
    avx2::group_norm_sums,
    avx2::group_norm_apply,
    avx2::layer_norm,
    avx2::activate,
    avx2::add_rows,
};
}  // namespace ipa

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#endif

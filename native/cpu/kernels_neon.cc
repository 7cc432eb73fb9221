// The kernels for neon.
#if defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/float16.h"
#include "cpu/kernels.h"
#include "cpu/winograd.h"

namespace ipa {
namespace neon {
namespace {
// clang-format off
#include "cpu/vec_neon-inl.h"
#include "cpu/kernels-inl.h"
// clang-format on
}  // namespace
}  // namespace neon

const Kernels kernels_neon = {
    "neon",
    {neon::kTileVectors * neon::L, neon::L},
    neon::kTileRows,
    neon::kv_layout_of,
    neon::widen,
    neon::quantize_weights,
    neon::quantize_weight_words,
    neon::gemm,
    neon::quantize,
    neon::gemm_int8,
    neon::quantize_words,
    neon::gemm_int16,
    neon::winograd_input,
    neon::winograd_product,
    neon::winograd_input_int16,
    neon::winograd_product_int16,
    neon::pack_kv,
    neon::pack_kv_int16,
    neon::attention,
    neon::attention_int16,
    neon::group_norm_sums,
    neon::group_norm_apply,
    neon::layer_norm,
    neon::activate,
    neon::add_rows,
};
}  // namespace ipa
#endif

// The kernels for scalar.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/float16.h"
#include "cpu/kernels.h"
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

const Kernels kernels_scalar = {
    "scalar",
    {scalar::kTileVectors * scalar::L, scalar::L},
    scalar::kTileRows,
    scalar::kv_layout_of,
    scalar::widen,
    scalar::quantize_weights,
    scalar::quantize_weight_words,
    scalar::gemm,
    scalar::quantize,
    scalar::gemm_int8,
    scalar::quantize_words,
    scalar::gemm_int16,
    scalar::winograd_input,
    scalar::winograd_product,
    scalar::winograd_input_int16,
    scalar::winograd_product_int16,
    scalar::pack_kv,
    scalar::pack_kv_int16,
    scalar::attention,
    scalar::attention_int16,
    scalar::group_norm_sums,
    scalar::group_norm_apply,
    scalar::layer_norm,
    scalar::activate,
    scalar::add_rows,
};
}  // namespace ipa

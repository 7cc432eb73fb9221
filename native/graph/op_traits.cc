#include "graph/op_traits.h"

#include <cstddef>

namespace ipa {
namespace {

using Kind = OpTraits::Kind;
using Replaces = OpTraits::Replaces;
using Reads = OpTraits::ReadsBf16;

constexpr OpTraits::Absorbs nothing{}, activation{true, false, false}, sum{false, true, false},
    activation_and_sum{true, true, false}, all{true, true, true};

// In the order of Op.
// clang-format off
constexpr OpTraits table[] = {
    // op                  name                kind         product absorbs        replaces            writes reads bf16
    {Op::input,           "input",           Kind::bound, false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::param_rows,      "param_rows",      Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::gather_rows,     "gather_rows",     Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::linear,          "linear",          Kind::step,  true,  activation_and_sum, Replaces::residual, true,  Reads::like_weights},
    {Op::geglu_linear,    "geglu_linear",    Kind::step,  true,  sum,                Replaces::residual, true,  Reads::like_weights},
    {Op::conv2d,          "conv2d",          Kind::step,  true,  all,                Replaces::residual, true,  Reads::like_weights},
    {Op::group_norm,      "group_norm",      Kind::step,  false, activation,         Replaces::inputs,   true,  Reads::first},
    {Op::norm_statistics, "norm_statistics", Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::first},
    {Op::norm_apply,      "norm_apply",      Kind::step,  false, activation,         Replaces::inputs,   true,  Reads::first},
    {Op::layer_norm,      "layer_norm",      Kind::step,  false, nothing,            Replaces::inputs,   true,  Reads::none},
    {Op::activation,      "activation",      Kind::step,  false, nothing,            Replaces::inputs,   false, Reads::none},
    {Op::add,             "add",             Kind::step,  false, nothing,            Replaces::inputs,   false, Reads::none},
    {Op::concat_channels, "concat_channels", Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::concat_tokens,   "concat_tokens",   Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::slice_channels,  "slice_channels",  Kind::view,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::reshape,         "reshape",         Kind::view,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::upsample,        "upsample",        Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::pack_kv,         "pack_kv",         Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::like_keys},
    {Op::token_map,       "token_map",       Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::merge_rows,      "merge_rows",      Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
    {Op::attention,       "attention",       Kind::step,  false, nothing,            Replaces::nothing,  true,  Reads::query_like_keys},
    {Op::attention_map,   "attention_map",   Kind::step,  false, nothing,            Replaces::nothing,  false, Reads::none},
};
// clang-format on

constexpr size_t rows = sizeof table / sizeof table[0];

constexpr bool in_order() {
  for (size_t i = 0; i < rows; ++i)
    if (table[i].op != static_cast<Op>(i)) return false;
  return true;
}
static_assert(rows == op_count && in_order(), "a row per op, in the order of Op");

}  // namespace

const OpTraits& op_traits(Op op) { return table[static_cast<size_t>(op)]; }

}  // namespace ipa

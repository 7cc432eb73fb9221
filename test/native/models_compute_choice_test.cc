// Which matrices are multiplied in what, for the names of a UNet and of a VAE.
#include "harness.h"
#include "models/compute_choice.h"

namespace {

using ipa::Compute;
using ipa::Param;
using ipa::ParamRole;
using ipa::ParamSet;

Param* matrix(ParamSet& params, const std::string& name, int64_t out = 128, int64_t in = 128) {
  return params.declare({name + ".weight"}, ParamRole::linear, {out, in});
}

}  // namespace

TEST(models_compute_choice_keeps_the_sensitive_ones) {
  ParamSet params;
  const std::vector<Param*> exact = {
      matrix(params, "conv_in"),
      matrix(params, "conv_out"),
      matrix(params, "time_embedding.linear_1"),
      matrix(params, "up_blocks.10.resnets.0.time_emb_proj"),
      matrix(params, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"),
      matrix(params, "mid_block.attentions.0.transformer_blocks.0.attn2.to_v"),
      matrix(params, "mid_block.few_channels", 128, 32),
      params.declare({"mid_block.resnets.0.conv1.bias"}, ParamRole::vector, {128}),
  };
  const std::vector<Param*> last = {
      matrix(params, "up_blocks.10.resnets.0.conv_shortcut"),
      matrix(params, "up_blocks.10.resnets.0.conv1"),
      matrix(params, "up_blocks.10.resnets.2.conv2"),
  };
  const std::vector<Param*> others = {
      matrix(params, "down_blocks.1.resnets.0.conv_shortcut"),
      matrix(params, "up_blocks.1.resnets.0.conv1"),
      matrix(params, "up_blocks.9.resnets.0.conv2"),
      matrix(params, "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"),
      matrix(params, "up_blocks.10.attentions.0.transformer_blocks.0.ff.net.2"),
  };
  const auto check = [](const std::vector<Param*>& group, Compute expected) {
    for (const Param* param : group) CHECK(param->compute == expected);
  };
  for (const Compute compute : {Compute::int8, Compute::int16, Compute::f32}) {
    ipa::choose_compute(params, compute);
    check(exact, Compute::f32);
    check(last, compute == Compute::int8 ? Compute::int16 : compute);
    check(others, compute);
  }
}

TEST(models_compute_choice_without_up_blocks) {
  ParamSet params;
  const Param* conv = matrix(params, "mid_block.resnets.0.conv1");
  ipa::choose_compute(params, Compute::int8);
  CHECK(conv->compute == Compute::int8);
}

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

TEST_ONCE(models_compute_choice_keeps_the_sensitive_ones) {
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
      matrix(params, "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"),
      matrix(params, "up_blocks.10.attentions.0.transformer_blocks.0.ff.net.2"),
  };
  const auto check = [](const std::vector<Param*>& group, Compute expected) {
    for (const Param* param : group) CHECK(param->compute == expected);
  };
  for (const Compute compute : {Compute::int8, Compute::int16, Compute::bf16, Compute::f32}) {
    ipa::choose_compute(params, compute);
    check(exact, Compute::f32);
    check(last, compute == Compute::int8 ? Compute::int16 : compute);
    check(others, compute);
  }
}

// Of int8: Winograd's algorithm multiplies words, and is faster where there are pixels enough.
TEST_ONCE(models_compute_choice_of_convolutions) {
  ParamSet params;
  const auto conv = [&](const std::string& name) {
    return params.declare({name + ".weight"}, ParamRole::conv2d, {64, 64, 3, 3});
  };
  const std::vector<Param*> words = {conv("down_blocks.0.resnets.0.conv1"),
                                     conv("down_blocks.2.resnets.1.conv2"), conv("up_blocks.1.resnets.0.conv1"),
                                     conv("up_blocks.0.upsamplers.0.conv")};
  const std::vector<Param*> bytes = {conv("down_blocks.3.resnets.0.conv1"), conv("mid_block.resnets.0.conv1"),
                                     conv("up_blocks.0.resnets.0.conv1"),
                                     conv("down_blocks.0.downsamplers.0.conv")};
  const Param* last = conv("up_blocks.3.resnets.0.conv1");
  ipa::choose_compute(params, Compute::int8);
  for (const Param* param : words) CHECK(param->compute == Compute::int8_weights);
  for (const Param* param : bytes) CHECK(param->compute == Compute::int8);
  CHECK(last->compute == Compute::int16);
}

TEST_ONCE(models_compute_choice_without_blocks) {
  ParamSet params;
  const Param* linear = matrix(params, "mid_block.resnets.0.conv1");
  ipa::choose_compute(params, Compute::int8);
  CHECK(linear->compute == Compute::int8);
}

TEST_ONCE(models_compute_choice_of_the_vae) {
  CHECK(ipa::vae_compute(Compute::f32, true) == Compute::f32);
  CHECK(ipa::vae_compute(Compute::int16, true) == Compute::int16);
  CHECK(ipa::vae_compute(Compute::int8, true) == Compute::bf16);
  CHECK(ipa::vae_compute(Compute::int8, false) == Compute::int16);
  CHECK(!ipa::compact_vae(Compute::f32) && !ipa::compact_vae(Compute::int16) &&
        ipa::compact_vae(Compute::bf16));
}

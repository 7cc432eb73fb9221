// The fields of an AutoencoderKL's or AutoencoderTiny's config that this engine honours;
// all others must be absent or at their defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config_reader.h"
#include "base/status.h"
#include "graph/types.h"

namespace ipa {

// AutoencoderTiny (TAESD).
struct TaesdConfig {
  std::vector<int64_t> channels = {64, 64, 64, 64};  // of each stage, from the latents up
  std::vector<int64_t> blocks = {3, 3, 3, 1};        // residual blocks of each stage
  // Of the encoder, from the picture down.
  std::vector<int64_t> encoder_channels = {64, 64, 64, 64};
  std::vector<int64_t> encoder_blocks = {1, 3, 3, 3};
  int64_t out_channels = 3;
  Activation activation = Activation::relu;

  // Pixels a latent covers along a side.
  int64_t scale() const { return int64_t{1} << (channels.size() - 1); }
  static TaesdConfig parse(ConfigReader& reader);
};

struct VaeConfig {
  std::vector<int64_t> channels = {128, 256, 512, 512};
  int layers_per_block = 2;
  int64_t latent_channels = 4;
  int64_t in_channels = 3, out_channels = 3;
  int norm_groups = 32;
  Activation activation = Activation::silu;
  bool quant_conv = true, post_quant_conv = true, mid_attention = true;
  double scaling_factor = 0.18215, shift_factor = 0;
  // Playground-style normalisation, empty in most models: latent * std / scaling_factor + mean.
  std::vector<double> latents_mean, latents_std;
  int64_t sample_size = 512;
  // Set for AutoencoderTiny: its networks take the place of those described above.
  std::optional<TaesdConfig> tiny;

  // Pixels a latent covers along a side.
  int64_t scale() const { return tiny ? tiny->scale() : int64_t{1} << (channels.size() - 1); }
  static Result<VaeConfig> parse(const Json& json, const std::string& where);
  // invalid_option for sizes that no network has. `where` starts the message.
  Status check(const std::string& where) const;
};

}  // namespace ipa

// The fields of a UNet2DConditionModel config that this engine honours;
// all others must be absent or at their defaults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "graph/types.h"

namespace ipa {

enum class ClassEmbedding {
  none,
  table,       // num_class_embeds: an embedding of an integer label
  timestep,    // a sinusoid of the label through a TimestepEmbedding
  projection,  // a given vector through a TimestepEmbedding
  simple,      // a given vector through a Linear
  identity,    // a given vector as it is
};

struct UNetConfig {
  struct Level {
    int64_t channels = 320;
    int resnets = 2;  // layers_per_block, of the down block
    // Transformer blocks in each attention module: resnets of them on the way down, one more on the way up.
    std::vector<int> transformer_layers, up_transformer_layers;
    int heads = 8;
    int64_t cross_size = 768;
    bool down_attention = true, up_attention = true;
    bool only_cross_attention = false;
  };
  std::vector<Level> levels;  // from the picture down
  int64_t in_channels = 4, out_channels = 4;
  int64_t sample_size = 64;  // latents per side that the model was trained at
  bool mid_block = true, mid_attention = true;
  int mid_transformer_layers = 1;
  int norm_groups = 32;
  float norm_epsilon = 1e-5f;
  Activation activation = Activation::silu;
  bool linear_projection = false;
  int downsample_padding = 1;
  int conv_in_kernel = 3, conv_out_kernel = 3;
  bool flip_sin_to_cos = true;
  double freq_shift = 0;
  bool center_input_sample = false;
  int64_t time_embedding_size = 1280;
  int64_t time_cond_size = 0;          // time_cond_proj_dim: a guidance embedding is added to the sinusoid
  bool text_time = false;              // SDXL's addition_embed_type
  int64_t addition_time_size = 256;    // of one sinusoid of the time ids
  int64_t addition_input_size = 2816;  // pooled text and six sinusoids
  ClassEmbedding class_embedding = ClassEmbedding::none;
  int64_t class_count = 0, class_input_size = 0;

  // One of conv_in, and one of every block and downsampler on the way down.
  size_t skip_connections() const {
    size_t count = 0;
    for (const Level& level : levels) count += static_cast<size_t>(level.resnets) + 1;
    return count;
  }
  int64_t sinusoid_size() const { return levels.front().channels; }
  // Of the text and image tokens; every level has the same in all models of the family.
  int64_t cross_size() const { return levels.front().cross_size; }

  static Result<UNetConfig> parse(const Json& json, const std::string& where);
  // Of a network that is a UNet's way down and middle, whose config says nothing of a way up (ControlNet).
  static Result<UNetConfig> parse_down(const Json& json, const std::string& where);
  // invalid_option for sizes that no network has. `where` starts the message.
  Status check(const std::string& where) const;
};

}  // namespace ipa

#include "weights/describe/single_file_config.h"

#include <algorithm>

#include "base/utf8.h"
#include "weights/describe/absurd_width.h"
#include "weights/describe/single_file_shape.h"
#include "weights/names/prefixed_tensors.h"

namespace ipa {
namespace {

std::string input_block(int64_t index) { return "input_blocks." + std::to_string(index); }

// One level, whose attentions have as many transformer blocks as the file shows: 0 where there is no attention.
UNetConfig::Level level_of(const Prefixed& unet, const UNetLevels& levels, int index) {
  const auto depth = [&](const std::string& block) {
    return unet.count(block + ".1.transformer_blocks.", ".norm1.weight");
  };
  const int64_t down = 1 + int64_t{index} * (levels.layers + 1);
  const int64_t up = int64_t{levels.levels - 1 - index} * (levels.layers + 1);
  const auto output_block = [&](int i) { return "output_blocks." + std::to_string(up + i); };
  UNetConfig::Level level;
  level.channels = unet.size(input_block(down) + ".0.in_layers.2.weight", 0);
  level.resnets = levels.layers;
  level.down_attention = unet.has(input_block(down) + ".1.proj_in.weight");
  level.up_attention = unet.has(output_block(0) + ".1.proj_in.weight");
  for (int i = 0; i < levels.layers; ++i) level.transformer_layers.push_back(depth(input_block(down + i)));
  for (int i = 0; i < levels.layers + 1; ++i) level.up_transformer_layers.push_back(depth(output_block(i)));
  return level;
}

// What the attentions on the way down show: the width of the text and whether their projections are linear.
void set_attention(const Prefixed& unet, const UNetLevels& levels, UNetConfig& config) {
  int64_t cross = 0;
  for (int i = 0; i < levels.levels; ++i) {
    if (!config.levels[static_cast<size_t>(i)].down_attention) continue;
    const std::string attention = input_block(1 + int64_t{i} * (levels.layers + 1)) + ".1.";
    config.linear_projection = unet.find(attention + "proj_in.weight")->shape.size() == 2;
    cross = unet.size(attention + "transformer_blocks.0.attn2.to_k.weight", 1);
  }
  for (UNetConfig::Level& level : config.levels) {
    level.cross_size = cross;
    level.heads = usual_heads(level.channels, config.linear_projection);
  }
}

void set_middle(const Prefixed& unet, UNetConfig& config) {
  const int depth = unet.count("middle_block.1.transformer_blocks.", ".norm1.weight");
  config.mid_block = unet.has("middle_block.0.in_layers.2.weight");
  config.mid_attention = !config.mid_block || depth > 0;
  // A level without attention tells no depth; of the last one the mid block takes its own.
  int& lowest = config.levels.back().transformer_layers.front();
  if (lowest == 0) lowest = depth;
  for (UNetConfig::Level& level : config.levels)
    for (auto* way : {&level.transformer_layers, &level.up_transformer_layers})
      for (int& blocks : *way) blocks = std::max(1, blocks);
  config.mid_transformer_layers = lowest;
}

}  // namespace

int usual_heads(int64_t width, bool linear) {
  return linear ? static_cast<int>(std::max<int64_t>(1, std::min(width, absurd_width) / 64)) : 8;
}

Result<UNetConfig> original_unet_config(const TensorSource& source, const std::string& prefix) {
  const Prefixed unet(source, prefix);
  const UNetLevels levels = unet_levels(unet);
  if (levels.layers == 0)
    return Status(Code::missing_tensor, in_quotes(source.path(), 1024) + ": no " +
                                            in_quotes(prefix + input_block(1) + ".0.in_layers.2.weight") +
                                            " in this file: get the file again");
  UNetConfig config;
  for (int i = 0; i < levels.levels; ++i) config.levels.push_back(level_of(unet, levels, i));
  set_attention(unet, levels, config);
  set_middle(unet, config);
  config.in_channels = unet.size("input_blocks.0.0.weight", 1);
  config.out_channels = unet.size("out.2.weight", 0);
  config.time_embedding_size = 4 * std::min(config.levels.front().channels, absurd_width);
  config.time_cond_size = unet.size("time_embedding.cond_proj.weight", 1);
  if (const int64_t addition = unet.size("label_emb.0.0.weight", 1)) {
    config.text_time = true;
    config.addition_input_size = addition;
  }
  config.sample_size = config.text_time ? 128 : config.linear_projection ? 96 : 64;
  return config;
}

std::string original_family(const UNetConfig& unet) {
  return unet.text_time ? "sdxl" : unet.linear_projection ? "sd2" : "sd1";
}

Result<VaeConfig> original_vae_config(const TensorSource& source, const std::string& prefix, double scaling) {
  IPA_ASSIGN(const VaeShape shape, vae_shape(source, prefix));
  const Prefixed vae(source, prefix);
  VaeConfig config;
  config.channels.clear();
  for (int i = 0; i < shape.levels; ++i)
    config.channels.push_back(vae.size("decoder.up." + std::to_string(i) + ".block.0.conv1.weight", 0));
  config.layers_per_block = shape.layers;
  config.latent_channels = vae.size("decoder.conv_in.weight", 1);
  config.scaling_factor = scaling;
  config.quant_conv = config.post_quant_conv = shape.quant_convs;
  config.mid_attention = shape.attends;
  return config;
}

}  // namespace ipa

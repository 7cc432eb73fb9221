#include "models/unet.h"

#include <cmath>

#include "models/unet_builder.h"
#include "models/unet_down.h"
#include "models/unet_embedding.h"
#include "models/unet_mid.h"
#include "models/unet_up.h"

namespace ipa {
namespace {

std::string attention_name(const std::string& block, int i) {
  return block + ".attentions." + std::to_string(i);
}

// Lists the cross-attention layers of one attention module.
void list_layers(std::vector<CrossLayer>& layers, const std::string& module, int blocks,
                 const UNetConfig::Level& level, bool only_cross) {
  for (int i = 0; i < blocks; ++i) {
    const std::string block = module + ".transformer_blocks." + std::to_string(i);
    if (only_cross) layers.push_back({block + ".attn1", level.channels, level.heads, -1});
    layers.push_back({block + ".attn2", level.channels, level.heads, 0});
  }
}

// Of a module such as "up_blocks.1.attentions.0", in a UNet of so many levels.
int level_of(const std::string& module, int levels) {
  const size_t dot = module.find('.');
  if (module.compare(0, dot, "mid_block") == 0) return levels - 1;
  const int block = std::stoi(module.substr(dot + 1));
  return module.compare(0, dot, "down_blocks") == 0 ? block : levels - 1 - block;
}

std::string module_of(const CrossLayer& layer) {
  return layer.name.substr(0, layer.name.find(".transformer_blocks."));
}

}  // namespace

UNet::UNet(UNetConfig config) : config_(std::move(config)) {
  const size_t n = config_.levels.size();
  std::vector<CrossLayer> down, mid, up;
  for (size_t i = 0; i < n; ++i) {
    const UNetConfig::Level& level = config_.levels[i];
    if (!level.down_attention) continue;
    for (int j = 0; j < level.resnets; ++j)
      list_layers(down, attention_name("down_blocks." + std::to_string(i), j),
                  level.transformer_layers[static_cast<size_t>(j)], level, level.only_cross_attention);
  }
  const UNetConfig::Level& bottom = config_.levels.back();
  if (config_.mid_block && config_.mid_attention)
    list_layers(mid, "mid_block.attentions.0", config_.mid_transformer_layers, bottom, false);
  for (size_t i = 0; i < n; ++i) {
    const UNetConfig::Level& level = config_.levels[n - 1 - i];
    if (!level.up_attention) continue;
    for (int j = 0; j < level.resnets + 1; ++j)
      list_layers(up, attention_name("up_blocks." + std::to_string(i), j),
                  level.up_transformer_layers[static_cast<size_t>(j)], level, level.only_cross_attention);
  }
  // Adapter files count down, up, mid (the order in which diffusers registers them);
  // execution is down, mid, up.
  int index = 1;
  for (auto* part : {&down, &up, &mid})
    for (CrossLayer& layer : *part)
      if (layer.adapter_index == 0) {
        layer.adapter_index = index;
        index += 2;
      }
  for (auto* part : {&down, &mid, &up}) cross_layers_.insert(cross_layers_.end(), part->begin(), part->end());
  for (CrossLayer& layer : cross_layers_) {
    const std::string module = module_of(layer);
    if (attention_modules_.empty() || attention_modules_.back() != module) attention_modules_.push_back(module);
    layer.module = static_cast<int>(attention_modules_.size() - 1);
    layer.level = level_of(module, static_cast<int>(n));
  }
}

int64_t UNet::side_at(int level, int64_t side) const {
  for (int i = 0; i < level; ++i) side = (side + config_.downsample_padding + 1 - 3) / 2 + 1;
  return side;
}

Value UNet::build(Graph& graph, const UNetInputs& inputs, DeepFeatures* features,
                  std::vector<LayerMap>* maps) const {
  const UNetConfig& c = config_;
  const CrossInputs cross{&cross_layers_, &inputs.text_kv, &inputs.branches, &inputs.text_scales, maps};
  const UNetBuilder unet(graph, c, cross, unet_embedding(graph, c, inputs), inputs.merge_ratio);
  // Without kept features all is deep: nothing is left to be computed anew.
  const size_t depth = features ? static_cast<size_t>(features->depth) : 0;
  const bool shallow = features && features->kept.valid();
  const UNetAdditions& additions = inputs.additions;
  std::vector<Value> skips = unet_down(unet, inputs.latents, shallow ? depth : c.skip_connections(),
                                       {additions.first, additions.levels});
  Value deep = shallow ? features->kept : unet_mid(unet, skips.back());
  for (const Value addition : {additions.after_middle, additions.middle})
    if (!shallow && addition.valid()) deep = graph.add(deep, addition);
  for (size_t i = 0; i < skips.size() && i < additions.skips.size(); ++i)
    skips[i] = graph.add(skips[i], additions.skips[i]);
  if (!shallow) deep = unet_up(unet, deep, skips, depth);
  if (features) features->kept = deep;
  const Value x = unet_up(unet, deep, skips, 0);
  const Value normed = graph.group_norm(x, "conv_norm_out", c.norm_groups, c.norm_epsilon);
  return unet.same_size_conv("conv_out", graph.activate(normed, c.activation), c.out_channels,
                             c.conv_out_kernel);
}

void timestep_sinusoid(double value, int64_t size, bool flip_sin_to_cos, double freq_shift, float* out) {
  const int64_t half = size / 2;
  float* sines = flip_sin_to_cos ? out + half : out;
  float* cosines = flip_sin_to_cos ? out : out + half;
  for (int64_t i = 0; i < half; ++i) {
    // In f32 like the reference: its rounding of the frequency shows at large timesteps.
    const float exponent = -std::log(10000.0f) * static_cast<float>(i) /
                           static_cast<float>(static_cast<double>(half) - freq_shift);
    const float angle = static_cast<float>(value) * std::exp(exponent);
    sines[i] = std::sin(angle);
    cosines[i] = std::cos(angle);
  }
  if (size % 2) out[size - 1] = 0;
}

}  // namespace ipa

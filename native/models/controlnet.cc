#include "models/controlnet.h"

#include <string>
#include <utility>

#include "models/unet.h"
#include "models/unet_builder.h"
#include "models/unet_down.h"
#include "models/unet_embedding.h"
#include "models/unet_mid.h"

namespace ipa {

ControlNet::ControlNet(ControlNetConfig config) : config_(std::move(config)) {
  const UNet unet(config_.trunk);
  for (const CrossLayer& layer : unet.cross_layers())
    if (layer.name.rfind("up_blocks.", 0) != 0) cross_layers_.push_back(layer);
}

Value ControlNet::read_picture(Graph& graph, Value picture) const {
  const std::string name = "controlnet_cond_embedding.";
  const std::vector<int64_t>& widths = config_.picture_widths;
  Value x = graph.silu(graph.conv2d(picture, name + "conv_in", widths.front()));
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const std::string block = name + "blocks.";
    x = graph.silu(graph.conv2d(x, block + std::to_string(2 * i), widths[i]));
    x = graph.silu(graph.conv2d(x, block + std::to_string(2 * i + 1), widths[i + 1], {3, 3, 2, 1, 1, 1, 1}));
  }
  return graph.conv2d(x, name + "conv_out", config_.trunk.levels.front().channels);
}

Value ControlNet::mode_row(Graph& graph, Value mode) const {
  return graph.embedding(mode, "task_embedding", config_.several.modes, config_.several.width);
}

Value ControlNet::mode_offset(Graph& graph, Value x) const {
  constexpr float epsilon = 1e-5f;
  const int64_t width = config_.several.width;
  for (int i = 0; i < config_.several.layers; ++i) {
    const std::string name = "transformer_layes." + std::to_string(i);
    // The reference attends among the items of a batch, which are alike in one request: each attends to itself.
    const Value own = graph.linear(graph.layer_norm(x, name + ".ln_1", epsilon), name + ".attn.v_proj", width);
    x = graph.add(x, graph.linear(own, name + ".attn.out_proj", width));
    const Value wide = graph.linear_activation(graph.layer_norm(x, name + ".ln_2", epsilon), name + ".mlp.c_fc",
                                               4 * width, Activation::quick_gelu);
    x = graph.add(x, graph.linear(wide, name + ".mlp.c_proj", width));
  }
  return graph.linear(x, "spatial_ch_projs", config_.trunk.levels.front().channels);
}

std::vector<Value> ControlNet::build(Graph& graph, const UNetInputs& inputs, Value picture,
                                     size_t count) const {
  const UNetConfig& c = config_.trunk;
  const CrossInputs cross{&cross_layers_, &inputs.text_kv, nullptr};
  const UNetBuilder unet(graph, c, cross, unet_embedding(graph, c, inputs), 0);
  const std::vector<Value> skips = unet_down(unet, inputs.latents, count, {picture, {}});
  std::vector<Value> additions;
  for (size_t i = 0; i < skips.size(); ++i)
    additions.push_back(
        graph.conv1x1(skips[i], "controlnet_down_blocks." + std::to_string(i), graph.shape(skips[i]).c));
  if (count == c.skip_connections()) {
    const Value middle = unet_mid(unet, skips.back());
    additions.push_back(graph.conv1x1(middle, "controlnet_mid_block", graph.shape(middle).c));
  }
  return additions;
}

}  // namespace ipa

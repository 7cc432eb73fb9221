#include "models/taesd.h"

#include <string>

namespace ipa {
namespace {

Value block(Graph& graph, const std::string& name, Value x, int64_t out, Activation activation) {
  Value h = graph.activate(graph.conv2d(x, name + ".conv.0", out), activation);
  h = graph.activate(graph.conv2d(h, name + ".conv.2", out), activation);
  h = graph.conv2d(h, name + ".conv.4", out);
  // Whatever the network's activation, a block ends in a ReLU.
  return graph.activate(graph.add(h, x), Activation::relu);
}

}  // namespace

Value taesd_decode(Graph& graph, const TaesdConfig& config, Value latents) {
  int index = 0;
  auto name = [&] { return "decoder.layers." + std::to_string(index); };
  Value x = graph.activate(latents, Activation::soft_clamp_3);
  x = graph.activate(graph.conv2d(x, name(), config.channels.front()), config.activation);
  index = 2;  // the activation is a layer of its own there
  const size_t stages = config.channels.size();
  for (size_t i = 0; i < stages; ++i) {
    const int64_t width = config.channels[i];
    for (int64_t j = 0; j < config.blocks[i]; ++j, ++index)
      x = block(graph, name(), x, width, config.activation);
    const bool last = i + 1 == stages;
    if (!last) {
      const Shape shape = graph.shape(x);
      x = graph.upsample(x, 2 * shape.h, 2 * shape.w);
      ++index;
    }
    x = graph.conv2d(x, name(), last ? config.out_channels : width, {}, last);
    ++index;
  }
  return graph.activate(x, Activation::unit_to_signed);
}

Value taesd_encode(Graph& graph, const TaesdConfig& config, Value pixels, int64_t latent_channels) {
  int index = 0;
  auto name = [&] { return "encoder.layers." + std::to_string(index++); };
  Value x = pixels;
  for (size_t i = 0; i < config.encoder_channels.size(); ++i) {
    const int64_t width = config.encoder_channels[i];
    x = i == 0 ? graph.conv2d(x, name(), width) : graph.conv2d(x, name(), width, {3, 3, 2, 1, 1, 1, 1}, false);
    for (int64_t j = 0; j < config.encoder_blocks[i]; ++j)
      x = block(graph, name(), x, width, config.activation);
  }
  return graph.conv2d(x, name(), latent_channels);
}

}  // namespace ipa

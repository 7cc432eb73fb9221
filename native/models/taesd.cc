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

TaesdConfig TaesdConfig::parse(ConfigReader& reader) {
  TaesdConfig config;
  auto read = [&](const char* key, std::vector<int64_t>& list, int64_t low, int64_t high) {
    std::vector<int64_t> given = reader.list(key, low, high);
    if (!given.empty()) list = std::move(given);
  };
  read("decoder_block_out_channels", config.channels, 1, 16384);
  read("num_decoder_blocks", config.blocks, 0, 64);
  read("encoder_block_out_channels", config.encoder_channels, 1, 16384);
  read("num_encoder_blocks", config.encoder_blocks, 0, 64);
  const size_t stages = config.channels.size();
  if (stages != config.blocks.size())
    reader.fail(Code::invalid_option,
                "decoder_block_out_channels and num_decoder_blocks need the same number of stages");
  if (stages != config.encoder_channels.size() || stages != config.encoder_blocks.size())
    reader.fail(Code::invalid_option,
                "encoder_block_out_channels and num_encoder_blocks need the decoder's number of stages");
  if (stages > 8) reader.fail(Code::invalid_option, "more than 8 stages");
  // A stage keeps the width of the one before: the network has no layer that would change it.
  for (int64_t width : config.channels)
    if (width != config.channels.front())
      reader.fail(Code::unsupported, "decoder_block_out_channels of different widths");
  for (int64_t width : config.encoder_channels)
    if (width != config.encoder_channels.front())
      reader.fail(Code::unsupported, "encoder_block_out_channels of different widths");
  config.out_channels = reader.integer("out_channels", 3, 3, 3);
  config.activation = reader.choice<Activation>("act_fn", "relu",
                                                {{"relu", Activation::relu},
                                                 {"silu", Activation::silu},
                                                 {"swish", Activation::silu},
                                                 {"gelu", Activation::gelu}});
  reader.require_number("upsampling_scaling_factor", 2);
  reader.require_text("upsample_fn", "nearest");
  return config;
}

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

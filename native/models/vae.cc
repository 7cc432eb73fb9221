#include "models/vae.h"

#include "models/taesd.h"
#include "models/unet_blocks.h"

namespace ipa {
namespace {

constexpr float norm_epsilon = 1e-6f;

}  // namespace

Value Vae::resnet(Graph& graph, const std::string& name, Value x, int64_t out) const {
  return resnet_block(graph, name, x, out, Value{}, config_.norm_groups, norm_epsilon, config_.activation);
}

Value Vae::mid_block(Graph& graph, const std::string& name, Value x) const {
  const int64_t width = graph.shape(x).c;
  x = resnet(graph, name + ".resnets.0", x, width);
  if (config_.mid_attention) {
    const std::string attention = name + ".attentions.0";
    const Value normed = graph.group_norm(x, attention + ".group_norm", config_.norm_groups, norm_epsilon);
    const Value qkv =
        graph.linears(normed, {attention + ".to_q", attention + ".to_k", attention + ".to_v"}, width, true);
    const Value mixed = attend_within(graph, qkv, 1);
    x = graph.add(graph.linear(mixed, attention + ".to_out.0", width), x);
  }
  return resnet(graph, name + ".resnets.1", x, width);
}

Value Vae::decode(Graph& graph, Value latents) const {
  if (config_.tiny) return taesd_decode(graph, *config_.tiny, latents);
  return decode_tail(graph, decode_head(graph, latents, 0), 0);
}

Value Vae::up_block(Graph& graph, Value x, int index) const {
  const std::string block = "decoder.up_blocks." + std::to_string(index);
  const int64_t width = config_.channels[config_.channels.size() - 1 - static_cast<size_t>(index)];
  for (int j = 0; j < config_.layers_per_block + 1; ++j)
    x = resnet(graph, block + ".resnets." + std::to_string(j), x, width);
  return x;
}

Value Vae::enlarge(Graph& graph, Value x, int index) const {
  const Shape shape = graph.shape(x);
  return graph.conv2d(graph.upsample(x, 2 * shape.h, 2 * shape.w),
                      "decoder.up_blocks." + std::to_string(index) + ".upsamplers.0.conv", shape.c);
}

Value Vae::decode_head(Graph& graph, Value latents, int blocks) const {
  Value x =
      config_.post_quant_conv ? graph.conv1x1(latents, "post_quant_conv", config_.latent_channels) : latents;
  x = graph.conv2d(x, "decoder.conv_in", config_.channels.back());
  x = mid_block(graph, "decoder.mid_block", x);
  for (int i = 0; i < blocks; ++i) x = up_block(graph, i > 0 ? enlarge(graph, x, i - 1) : x, i);
  return x;
}

Value Vae::decode_tail(Graph& graph, Value features, int blocks) const {
  Value x = features;
  for (int i = blocks; i <= last_cut(); ++i) {
    graph.set_compact(compact_ && i == last_cut());
    x = up_block(graph, i > 0 ? enlarge(graph, x, i - 1) : x, i);
  }
  graph.set_compact(false);
  x = graph.activate(graph.group_norm(x, "decoder.conv_norm_out", config_.norm_groups, norm_epsilon),
                     config_.activation);
  return graph.conv2d(x, "decoder.conv_out", config_.out_channels);
}

int64_t Vae::tail_reach(int blocks) const {
  int64_t reach = 1;  // conv_out
  for (int i = last_cut(); i >= blocks; --i) {
    reach += 2 * (config_.layers_per_block + 1);
    if (i > 0) reach = (reach + 1 + 1) / 2;  // the enlargement's convolution, in features of half the size
  }
  return reach;
}

Value Vae::encode(Graph& graph, Value pixels) const {
  if (config_.tiny) return taesd_encode(graph, *config_.tiny, pixels, config_.latent_channels);
  const size_t n = config_.channels.size();
  Value x = graph.conv2d(pixels, "encoder.conv_in", config_.channels[0]);
  for (size_t i = 0; i < n; ++i) {
    const std::string block = "encoder.down_blocks." + std::to_string(i);
    const int64_t width = config_.channels[i];
    for (int j = 0; j < config_.layers_per_block; ++j)
      x = resnet(graph, block + ".resnets." + std::to_string(j), x, width);
    // Padded on the right and below only.
    if (i + 1 < n) x = graph.conv2d(x, block + ".downsamplers.0.conv", width, {3, 3, 2, 0, 0, 1, 1});
  }
  x = mid_block(graph, "encoder.mid_block", x);
  x = graph.activate(graph.group_norm(x, "encoder.conv_norm_out", config_.norm_groups, norm_epsilon),
                     config_.activation);
  x = graph.conv2d(x, "encoder.conv_out", 2 * config_.latent_channels);
  return config_.quant_conv ? graph.conv1x1(x, "quant_conv", 2 * config_.latent_channels) : x;
}

}  // namespace ipa

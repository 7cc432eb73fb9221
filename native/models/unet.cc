#include "models/unet.h"

#include <cmath>

#include "models/unet_blocks.h"

namespace ipa {
namespace {

std::string down_name(size_t level) { return "down_blocks." + std::to_string(level); }
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

}  // namespace

UNet::UNet(UNetConfig config) : config_(std::move(config)) {
  const size_t n = config_.levels.size();
  std::vector<CrossLayer> down, mid, up;
  for (size_t i = 0; i < n; ++i) {
    const UNetConfig::Level& level = config_.levels[i];
    if (!level.down_attention) continue;
    for (int j = 0; j < level.resnets; ++j)
      list_layers(down, attention_name(down_name(i), j), level.transformer_layers[static_cast<size_t>(j)],
                  level, level.only_cross_attention);
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
  // Adapter files count down, up, mid (the order in which diffusers registers them); execution is down, mid,
  // up.
  int index = 1;
  for (auto* part : {&down, &up, &mid})
    for (CrossLayer& layer : *part)
      if (layer.adapter_index == 0) {
        layer.adapter_index = index;
        index += 2;
      }
  for (auto* part : {&down, &mid, &up}) cross_layers_.insert(cross_layers_.end(), part->begin(), part->end());
}

int UNet::skip_connections() const {
  int count = 0;
  for (const UNetConfig::Level& level : config_.levels) count += level.resnets + 1;
  return count;
}

Value UNet::build(Graph& graph, const UNetInputs& inputs, DeepFeatures* features) const {
  const UNetConfig& c = config_;
  const size_t n = c.levels.size();
  auto mlp = [&](Value x, const std::string& name) {
    return graph.linear(graph.linear_activation(x, name + ".linear_1", c.time_embedding_size, c.activation),
                        name + ".linear_2", c.time_embedding_size);
  };
  // Time, class and SDXL's size embeddings add up to one vector an item.
  Value sinusoid = inputs.sinusoid;
  if (c.time_cond_size && inputs.time_cond.valid())
    sinusoid = graph.add(graph.linear(inputs.time_cond, "time_embedding.cond_proj", c.sinusoid_size(), false),
                         sinusoid);
  Value embedding = mlp(sinusoid, "time_embedding");
  auto add_embedding = [&](Value more) { embedding = graph.add(more, embedding); };
  switch (c.class_embedding) {
    case ClassEmbedding::none: break;
    case ClassEmbedding::table:
      add_embedding(
          graph.embedding(inputs.class_input, "class_embedding.weight", c.class_count, c.time_embedding_size));
      break;
    case ClassEmbedding::timestep:
    case ClassEmbedding::projection: add_embedding(mlp(inputs.class_input, "class_embedding")); break;
    case ClassEmbedding::simple:
      add_embedding(graph.linear(inputs.class_input, "class_embedding", c.time_embedding_size));
      break;
    case ClassEmbedding::identity: add_embedding(inputs.class_input); break;
  }
  if (c.text_time) add_embedding(mlp(inputs.addition, "add_embedding"));
  const Value time = graph.activate(embedding, c.activation);

  CrossInputs cross{&cross_layers_, &inputs.text_kv, &inputs.branches, 0};
  auto resnet = [&](const std::string& block, int i, Value x, int64_t out) {
    return resnet_block(graph, block + ".resnets." + std::to_string(i), x, out, time, c.norm_groups,
                        c.norm_epsilon, c.activation);
  };
  size_t merging = 0;  // level
  while (merging + 1 < n && !(c.levels[merging].down_attention || c.levels[merging].up_attention)) ++merging;
  auto attend = [&](const std::string& block, int i, Value x, const UNetConfig::Level& level, int blocks,
                    bool only_cross) {
    return transformer(graph, attention_name(block, i),
                       {level.heads, blocks, c.norm_groups, c.linear_projection, only_cross,
                        &level == &c.levels[merging] ? inputs.merge_ratio : 0},
                       x, cross);
  };

  // Modules left out still count: the prompts of the cross-attention layers are found by their position.
  auto leave_out = [&](int blocks, bool only_cross) {
    cross.next += static_cast<size_t>(only_cross ? 2 * blocks : blocks);
  };
  const auto depth = static_cast<size_t>(features ? features->depth : 0);
  const bool shallow = features && features->kept.valid();

  const int in_pad = (c.conv_in_kernel - 1) / 2, out_pad = (c.conv_out_kernel - 1) / 2;
  Value x = graph.conv2d(inputs.latents, "conv_in", c.levels[0].channels,
                         {c.conv_in_kernel, c.conv_in_kernel, 1, in_pad, in_pad, in_pad, in_pad});
  std::vector<Value> skips = {x};
  for (size_t i = 0; i < n; ++i) {
    const UNetConfig::Level& level = c.levels[i];
    const std::string block = down_name(i);
    for (int j = 0; j < level.resnets; ++j) {
      if (shallow && skips.size() == depth) {
        if (level.down_attention)
          leave_out(level.transformer_layers[static_cast<size_t>(j)], level.only_cross_attention);
        continue;
      }
      x = resnet(block, j, x, level.channels);
      if (level.down_attention)
        x = attend(block, j, x, level, level.transformer_layers[static_cast<size_t>(j)],
                   level.only_cross_attention);
      skips.push_back(x);
    }
    if (i + 1 < n && !(shallow && skips.size() == depth)) {
      const int pad = c.downsample_padding;
      x = graph.conv2d(x, block + ".downsamplers.0.conv", level.channels, {3, 3, 2, pad, pad, 1, 1});
      skips.push_back(x);
    }
  }

  if (c.mid_block && c.mid_attention && shallow) leave_out(c.mid_transformer_layers, false);
  if (c.mid_block && !shallow) {
    const UNetConfig::Level& bottom = c.levels.back();
    x = resnet("mid_block", 0, x, bottom.channels);
    if (c.mid_attention) {
      x = attend("mid_block", 0, x, bottom, c.mid_transformer_layers, false);
      x = resnet("mid_block", 1, x, bottom.channels);
    }
  }

  if (shallow) x = features->kept;
  auto left = static_cast<size_t>(skip_connections());  // layers on the way up, one a skip connection
  for (size_t i = 0; i < n; ++i) {
    const UNetConfig::Level& level = c.levels[n - 1 - i];
    const std::string block = "up_blocks." + std::to_string(i);
    for (int j = 0; j < level.resnets + 1; ++j, --left) {
      if (shallow && left > depth) {
        if (level.up_attention)
          leave_out(level.up_transformer_layers[static_cast<size_t>(j)], level.only_cross_attention);
        continue;
      }
      if (features && left == depth) features->kept = x;
      x = resnet(block, j, graph.concat_channels(x, skips.back()), level.channels);
      skips.pop_back();
      if (level.up_attention)
        x = attend(block, j, x, level, level.up_transformer_layers[static_cast<size_t>(j)],
                   level.only_cross_attention);
    }
    if (i + 1 < n && !(shallow && left >= depth)) {
      // To the exact size of the next skip: sides that are no multiple of 2^levels lose nothing.
      const Shape& to = graph.shape(skips.back());
      x = graph.conv2d(graph.upsample(x, to.h, to.w), block + ".upsamplers.0.conv", level.channels);
    }
  }
  x = graph.activate(graph.group_norm(x, "conv_norm_out", c.norm_groups, c.norm_epsilon), c.activation);
  return graph.conv2d(x, "conv_out", c.out_channels,
                      {c.conv_out_kernel, c.conv_out_kernel, 1, out_pad, out_pad, out_pad, out_pad});
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

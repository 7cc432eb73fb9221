#include "models/unet_builder.h"

namespace ipa {

Value UNetBuilder::resnet(const std::string& module, int i, Value x, int64_t out) const {
  return resnet_block(graph_, module + ".resnets." + std::to_string(i), x, out, time_, config_.norm_groups,
                      config_.norm_epsilon, config_.activation);
}

Value UNetBuilder::attend(const std::string& module, int i, Value x, const UNetConfig::Level& level, int blocks,
                          bool only_cross) const {
  TransformerShape shape;
  shape.heads = level.heads;
  shape.blocks = blocks;
  shape.groups = config_.norm_groups;
  shape.linear_projection = config_.linear_projection;
  shape.only_cross_attention = only_cross;
  shape.merge_ratio = merge_ratio(level);
  return transformer(graph_, module + ".attentions." + std::to_string(i), shape, x, cross_);
}

Value UNetBuilder::layer(const std::string& module, int i, Value x, const UNetConfig::Level& level,
                         const std::vector<int>* transformers) const {
  x = resnet(module, i, x, level.channels);
  if (!transformers) return x;
  return attend(module, i, x, level, (*transformers)[static_cast<size_t>(i)], level.only_cross_attention);
}

Value UNetBuilder::same_size_conv(const std::string& name, Value x, int64_t out, int kernel) const {
  const int pad = (kernel - 1) / 2;
  return graph_.conv2d(x, name, out, {kernel, kernel, 1, pad, pad, pad, pad});
}

double UNetBuilder::merge_ratio(const UNetConfig::Level& level) const {
  for (const UNetConfig::Level& outer : config_.levels) {
    if (&outer == &level) return merge_ratio_;
    if (outer.down_attention || outer.up_attention) return 0;
  }
  return 0;
}

}  // namespace ipa

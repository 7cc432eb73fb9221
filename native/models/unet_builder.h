// What the parts of a UNet (unet_down.h, unet_mid.h, unet_up.h) are built with.
#pragma once

#include <string>

#include "configs/unet_config.h"
#include "graph/graph.h"
#include "models/unet_blocks.h"

namespace ipa {

class UNetBuilder {
 public:
  // `time`: the activated embedding, (1 or n, 1, 1, time_embedding_size). `merge_ratio`: see UNetInputs.
  // What is referred to outlives the builder.
  UNetBuilder(Graph& graph, const UNetConfig& config, const CrossInputs& cross, Value time, double merge_ratio)
      : graph_(graph), config_(config), cross_(cross), time_(time), merge_ratio_(merge_ratio) {}

  Graph& graph() const { return graph_; }
  const UNetConfig& config() const { return config_; }
  // The i-th residual block of a module ("down_blocks.0").
  Value resnet(const std::string& module, int i, Value x, int64_t out) const;
  // The i-th transformer of a module, of so many blocks.
  Value attend(const std::string& module, int i, Value x, const UNetConfig::Level& level, int blocks,
               bool only_cross) const;
  // Both, as they stand on the way down and up.
  // `transformers`: blocks of each attention; null without attention.
  Value layer(const std::string& module, int i, Value x, const UNetConfig::Level& level,
              const std::vector<int>* transformers) const;
  // A square convolution that keeps the size.
  Value same_size_conv(const std::string& name, Value x, int64_t out, int kernel) const;

 private:
  double merge_ratio(const UNetConfig::Level& level) const;

  Graph& graph_;
  const UNetConfig& config_;
  const CrossInputs& cross_;
  Value time_;
  double merge_ratio_;
};

}  // namespace ipa

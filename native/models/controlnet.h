// ControlNet (Zhang et al. 2023): a copy of a UNet's way down and middle that also reads a picture,
// and adds what it makes of both to the UNet's skip connections and middle.
#pragma once

#include <cstddef>
#include <vector>

#include "configs/controlnet_config.h"
#include "graph/graph.h"
#include "models/decoupled_attention.h"
#include "models/unet_inputs.h"

namespace ipa {

class ControlNet {
 public:
  explicit ControlNet(ControlNetConfig config);
  const ControlNetConfig& config() const { return config_; }
  // In the order of execution; text_kv follows it.
  const std::vector<CrossLayer>& cross_layers() const { return cross_layers_; }

  // What is made of the picture (n, h, w, picture_channels), with values from 0 to 1: the same in every step.
  Value read_picture(Graph& graph, Value picture) const;
  // Of a union, whose kinds of pictures are told apart by an embedding: the row of a kind (an id, i32);
  // and what is added to every pixel of what read_picture() gave, made of the mean of those pixels and the row.
  Value mode_row(Graph& graph, Value mode) const;
  Value mode_offset(Graph& graph, Value mean) const;
  // Of the inputs' latents and of what read_picture() gave, which may be of one item for all:
  // what is added to the `count` outermost skip connections, the outermost first,
  // and, where they are all, what is added to the middle behind them.
  std::vector<Value> build(Graph& graph, const UNetInputs& inputs, Value picture, size_t count) const;

 private:
  ControlNetConfig config_;
  std::vector<CrossLayer> cross_layers_;
};

}  // namespace ipa

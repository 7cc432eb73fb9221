// T2I-Adapter (Mou et al. 2023): makes of a picture what is added on a UNet's way down, the same in every step.
#pragma once

#include <cstddef>

#include "configs/t2i_config.h"
#include "graph/graph.h"

namespace ipa {

class T2iAdapter {
 public:
  explicit T2iAdapter(T2iConfig config) : config_(std::move(config)) {}
  const T2iConfig& config() const { return config_; }
  size_t blocks() const { return config_.widths.size(); }
  // Channels that block `i` reads.
  int64_t input_width(size_t i) const;
  // What block `i` adds to its level; the next one reads it, too, where halves(i + 1) says so by half its sides.
  // The first reads the picture, whose squares of pixels are channels.
  Value build_block(Graph& graph, Value x, size_t i) const;

 private:
  T2iConfig config_;
};

}  // namespace ipa

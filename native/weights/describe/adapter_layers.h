// The part of an IP-Adapter that sits in the UNet's attention layers:
// tensors `ip_adapter.N.*`, N counting all of the UNet's attention layers over its down, up, then mid blocks,
// self-attention even and cross-attention odd.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct AdapterLayers {
  int cross_size = 0;             // width of an image token
  std::vector<int> indices;       // N of the cross-attention layers: 1, 3, 5, ...
  std::vector<int> hidden_sizes;  // and their widths
  bool lora = false;              // FaceID: a LoRA on the projections of every attention layer
};

// Checks that every pair is there, at 1, 3, 5, ... without a gap, and a LoRA in all layers or in none.
// Code::missing_tensor, shape, mismatch (an adapter for transformer models), unsupported (unknown tensors).
Result<AdapterLayers> read_adapter_layers(const TensorSource& source);

}  // namespace ipa

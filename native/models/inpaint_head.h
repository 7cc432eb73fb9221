// Fooocus' inpaint head: makes of a mask and the latents of a picture without what the mask hides what is added
// behind the first convolution of SDXL's UNet, the same in every step.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace ipa {

class InpaintHead {
 public:
  // The name of its weight in our naming, (width, 1 + latent_channels, 3, 3), without a bias.
  static constexpr const char* weight_name = "head.weight";

  struct Config {
    int64_t latent_channels = 4;
    int64_t width = 320;  // channels behind the UNet's first convolution
    int64_t input_channels() const { return 1 + latent_channels; }
  };
  explicit InpaintHead(Config config) : config_(config) {}
  const Config& config() const { return config_; }

  // x: (n, h + 2, w + 2, input_channels), the mask first, with its edges repeated once around it.
  // Result: (n, h, w, width).
  Value build(Graph& graph, Value x) const {
    return graph.conv2d(x, "head", config_.width, {3, 3, 1, 0, 0, 0, 0}, false);
  }

 private:
  Config config_;
};

}  // namespace ipa

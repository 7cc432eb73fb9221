// The VAE decoder bound to one picture size: latents in, 8-bit RGB out.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "models/vae.h"

namespace ipa {

class Decoder {
 public:
  // Called after each tile of a picture with the number done and in all.
  using TileFunction = std::function<void(int done, int tiles)>;

  virtual ~Decoder() = default;
  // latents: channel-major, as the sampling loop leaves them.
  virtual Result<std::vector<uint8_t>> decode(const float* latents, const TileFunction& on_tile,
                                              const CancelFlag* cancel) = 0;
};

// What both kinds of decoder do at their ends: undo the scaling of latents and make them channels-last; round
// values from -1 to 1.
void unscale_latents(const VaeConfig& config, const float* latents, int64_t area, float* out);
void round_pixels(const float* values, int64_t count, uint8_t* out);
// Code::range where a pixel is NaN or infinite: it would be black.
Status check_pixels(const float* values, int64_t count);

}  // namespace ipa

// A linear map from latents to RGB, one pixel a latent: a preview that costs next to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"

namespace ipa {

class ModelSet;

class LinearPreview {
 public:
  // Published factors where the VAE is one of those they were made for, otherwise a least-squares fit to what
  // the VAE decodes. The same for every call with the same models.
  static Result<LinearPreview> make(ModelSet& models, const CancelFlag* cancel);
  // latents: channel-major, as the sampling loop has them. 8-bit RGB of `pixels` pixels.
  std::vector<uint8_t> paint(const float* latents, int64_t pixels) const;

 private:
  static Result<LinearPreview> fit(ModelSet& models, const CancelFlag* cancel);

  // One row a channel, then the constant; of RGB from 0 to 1.
  std::vector<std::array<float, 3>> rows_;
};

}  // namespace ipa

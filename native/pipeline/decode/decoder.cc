#include "pipeline/decode/decoder.h"

#include <algorithm>
#include <cmath>

#include "base/finite.h"

namespace ipa {
void unscale_latents(const VaeConfig& c, const float* latents, int64_t area, float* out) {
  const auto factor = static_cast<float>(c.scaling_factor);
  for (int64_t channel = 0; channel < c.latent_channels; ++channel) {
    const auto k = static_cast<size_t>(channel);
    const float mean = c.latents_mean.empty() ? 0.0f : static_cast<float>(c.latents_mean[k]);
    const float deviation = c.latents_std.empty() ? 1.0f : static_cast<float>(c.latents_std[k]);
    for (int64_t p = 0; p < area; ++p)
      out[p * c.latent_channels + channel] = latents[channel * area + p] * deviation / factor + mean;
  }
}

Status check_pixels(const float* values, int64_t count) {
  if (all_finite(values, static_cast<size_t>(count))) return {};
  return Status(Code::range,
                "the decoded pixels are no finite numbers: a weight of the VAE is damaged, or the latents are "
                "too large");
}

void round_pixels(const float* values, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = std::clamp(values[i] * 0.5f + 0.5f, 0.0f, 1.0f);
    // A prediction that is no number becomes black instead of undefined.
    out[i] = std::isnan(value) ? uint8_t{0} : static_cast<uint8_t>(std::nearbyint(value * 255.0f));
  }
}

}  // namespace ipa

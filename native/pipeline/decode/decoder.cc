#include "pipeline/decode/decoder.h"

#include <algorithm>
#include <cmath>

#include "base/finite.h"

namespace ipa {

std::vector<float> unscale_latents(const VaeConfig& c, const float* latents, int64_t area) {
  std::vector<float> out(static_cast<size_t>(area * c.latent_channels));
  const auto factor = static_cast<float>(c.scaling_factor);
  for (int64_t channel = 0; channel < c.latent_channels; ++channel) {
    const auto k = static_cast<size_t>(channel);
    const float mean = c.latents_mean.empty() ? 0.0f : static_cast<float>(c.latents_mean[k]);
    const float deviation = c.latents_std.empty() ? 1.0f : static_cast<float>(c.latents_std[k]);
    for (int64_t p = 0; p < area; ++p)
      out[static_cast<size_t>(p * c.latent_channels + channel)] =
          latents[channel * area + p] * deviation / factor + mean;
  }
  return out;
}

// In blocks: all of a large picture's floats beside its program would be a second copy.
Status read_pixels(const Program& program, Value output, size_t first, size_t count, uint8_t* out) {
  constexpr size_t most = size_t{1} << 14;
  std::vector<float> block;
  for (size_t done = 0; done < count; done += block.size()) {
    block.resize(std::min(most, count - done));
    IPA_TRY(program.get(output, block, first + done));
    if (!all_finite(block.data(), block.size()))
      return Status(Code::range,
                    "the decoded pixels are no finite numbers: a weight of the VAE is damaged, or the latents "
                    "are too large");
    for (size_t i = 0; i < block.size(); ++i)
      out[done + i] =
          static_cast<uint8_t>(std::nearbyint(std::clamp(block[i] * 0.5f + 0.5f, 0.0f, 1.0f) * 255.0f));
  }
  return {};
}

}  // namespace ipa

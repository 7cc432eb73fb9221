// The VAE decoder bound to one picture size: latents in, 8-bit RGB out.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "models/vae.h"
#include "pipeline/memory_count.h"

namespace ipa {

class Decoder {
 public:
  // Called after each tile of a picture with the number done and in all.
  using TileFunction = std::function<void(int done, int tiles)>;

  virtual ~Decoder() = default;
  virtual void count(MemoryCount& memory) const = 0;
  virtual Status prepare(Workspace& workspace) = 0;
  // latents: channel-major, as the sampling loop leaves them.
  virtual Result<std::vector<uint8_t>> decode(const float* latents, const TileFunction& on_tile,
                                              const CancelFlag* cancel) = 0;
};

// What both kinds of decoder do at their ends: undo the scaling of latents and make them channels-last.
std::vector<float> unscale_latents(const VaeConfig& config, const float* latents, int64_t area);
// Rounds `count` values from -1 to 1 of a program's output, from its element `first` on.
// Code::range where one is NaN or infinite: it would be black.
Status read_pixels(const Program& program, Value output, size_t first, size_t count, uint8_t* out);

}  // namespace ipa

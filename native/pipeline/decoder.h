// The VAE decoder bound to one picture size: latents in, 8-bit RGB out.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/model_set.h"

namespace ipa {

class Decoder {
 public:
  // Latents are height x width.
  static Result<std::unique_ptr<Decoder>> make(ModelSet& models, int64_t height, int64_t width);
  // latents: channel-major, as the sampling loop leaves them.
  Result<std::vector<uint8_t>> decode(const float* latents, const CancelFlag* cancel);

 private:
  Decoder() = default;

  const VaeConfig* config_ = nullptr;
  std::unique_ptr<Program> program_;
  Value latents_, pixels_;
  int64_t area_ = 0;
};

}  // namespace ipa

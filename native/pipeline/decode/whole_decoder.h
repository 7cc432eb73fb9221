// The VAE decoder run over a whole picture.
#pragma once

#include <memory>

#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/decode/decoder.h"

namespace ipa {

class WholeDecoder : public Decoder {
 public:
  static Result<std::unique_ptr<Decoder>> make(const Call& call, int64_t height, int64_t width);
  Result<std::vector<uint8_t>> decode(const float* latents, const TileFunction& on_tile,
                                      const CancelFlag* cancel) override;

 private:
  WholeDecoder(const VaeConfig& config, int64_t area) : config_(config), area_(area) {}

  const VaeConfig& config_;
  int64_t area_;
  std::unique_ptr<Program> program_;
  Value latents_, pixels_;
};

}  // namespace ipa

// The VAE decoder run over a whole picture.
#pragma once

#include <memory>

#include "pipeline/decode/decoder.h"
#include "pipeline/load/model_set.h"

namespace ipa {

class WholeDecoder : public Decoder {
 public:
  // Latents are height x width.
  static Result<std::unique_ptr<Decoder>> plan(const ModelSet& models, int64_t height, int64_t width,
                                               Wrap wrap);
  void count(MemoryCount& memory) const override { memory.staying(*program_); }
  Status prepare(Workspace& workspace) override { return program_->prepare(workspace); }
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

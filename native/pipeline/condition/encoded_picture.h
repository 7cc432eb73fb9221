// Pictures through the VAE's encoder.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/memory_count.h"
#include "schedulers/scheduler.h"

namespace ipa {

// What the encoder makes of a picture, channel-major: the likeliest latents, not scaled,
// and how far from them others lie. The deviation is empty where it gives latents and no distribution.
struct EncodedPicture {
  std::vector<float> mean, deviation;
};

class PictureEncoder {
 public:
  // Plans the encoder for pictures of this size; its weights may still be missing. Models outlive it.
  static Result<std::unique_ptr<PictureEncoder>> plan(const ModelSet& models, int64_t height, int64_t width,
                                                      Wrap wrap);
  // `beside`: bytes that are held while it runs.
  void count(MemoryCount& memory, size_t beside) const { memory.passing(*program_, beside); }
  // Reads the weights where they are missing, and takes memory.
  Status prepare(const Call& call);
  // rgb: pixels of the planned size. Where `hidden`, if there is any, they are grey, between black and white.
  Result<EncodedPicture> encode(const std::vector<uint8_t>& rgb, const std::vector<bool>& hidden,
                                const CancelFlag* cancel);
  // Weights that prepare() will read.
  size_t bytes_to_load() const { return bytes_to_load_; }
  Shape latents_shape() const { return program_->shape(encoded_); }

 private:
  explicit PictureEncoder(const ModelSet& models) : models_(models) {}

  const ModelSet& models_;
  std::unique_ptr<Program> program_;
  size_t bytes_to_load_ = 0;
  Value pixels_, encoded_;
};

// Latents as the UNet knows them: drawn with `noise` from a distribution, and scaled.
std::vector<float> draw_latents(const EncodedPicture& picture, const VaeConfig& config, Noise& noise);

}  // namespace ipa

// Chooses between the decoder of whole pictures and the one in tiles.
#pragma once

#include <memory>

#include "pipeline/decode/decoder.h"
#include "pipeline/load/model_set.h"

namespace ipa {

// Latents are height x width.
// `tile`: pixels of a tile's side when a picture is to be decoded in tiles; 0: whole.
Result<std::unique_ptr<Decoder>> plan_decoder(const ModelSet& models, int64_t height, int64_t width,
                                              int64_t tile, Wrap wrap);

}  // namespace ipa

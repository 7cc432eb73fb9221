#include "pipeline/decode/make_decoder.h"

#include <algorithm>

#include "pipeline/decode/tiled_decoder.h"
#include "pipeline/decode/whole_decoder.h"

namespace ipa {

Result<std::unique_ptr<Decoder>> make_decoder(const Call& call, int64_t height, int64_t width, int64_t tile) {
  const VaeConfig& config = call.models.vae->config();
  if (tile > 0 && !config.tiny && std::max(height, width) * config.scale() > tile)
    return TiledDecoder::make(call, height, width, tile);
  return WholeDecoder::make(call, height, width);
}

}  // namespace ipa

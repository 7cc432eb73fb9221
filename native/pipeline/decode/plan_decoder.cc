#include "pipeline/decode/plan_decoder.h"

#include <algorithm>

#include "pipeline/decode/tiled_decoder.h"
#include "pipeline/decode/whole_decoder.h"

namespace ipa {

Result<std::unique_ptr<Decoder>> plan_decoder(const ModelSet& models, int64_t height, int64_t width,
                                              int64_t tile, Wrap wrap) {
  const VaeConfig& config = models.vae->config();
  if (tile > 0 && !config.tiny && std::max(height, width) * config.scale() > tile)
    return TiledDecoder::plan(models, height, width, tile, wrap);
  return WholeDecoder::plan(models, height, width, wrap);
}

}  // namespace ipa

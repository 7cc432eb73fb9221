// How much memory a call takes, and whether that is allowed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa {

struct MemoryEstimate {
  // What of it is on one device that is not the host.
  struct OnDevice {
    std::string device;  // such as "cuda:0"
    size_t weights = 0, working = 0;
    size_t total() const { return weights + working; }
  };

  size_t weights = 0;  // of all that is loaded, wherever it is
  size_t working = 0;  // that the call adds at its peak
  int64_t tile = 0;    // pixels of the decoder's tiles; 0: the picture is decoded whole
  std::vector<OnDevice> devices;
  size_t total() const { return weights + working; }
};

// Whether any picture is made by the VAE.
inline bool needs_decoder(const GenerateRequest& request) {
  return request.decode || (request.preview_every > 0 && !request.linear_preview);
}

// Pixels of a tile's side.
inline int64_t least_tile(const ModelSet& models) { return 16 * models.vae->config().scale(); }

// Sides of tiles to try, the best first, of those smaller than the picture:
// larger ones differ less from the whole.
std::vector<int64_t> tiles_of(const ModelSet& models, const GenerateRequest& request);

// Whether it fits the request's budget; without one the memory of the system, where that is known. What is on the VAE's
// device has to fit that, too.
bool fits(const MemoryEstimate& found, const ModelSet& models, const GenerateRequest& request);

// no_memory when the request's budget does not suffice.
Status check_budget(const MemoryEstimate& found, const ModelSet& models, const GenerateRequest& request);

}  // namespace ipa

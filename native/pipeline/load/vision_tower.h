// A CLIP vision encoder in memory.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "models/clip_vision.h"
#include "models/compute_choice.h"
#include "pipeline/load/loaded_network.h"

namespace ipa {

struct VisionTower : LoadedNetwork<ClipVision> {
  using LoadedNetwork::LoadedNetwork;
  std::string folder;
  // From the model's preprocessor_config.json; CLIP's own where there is none.
  float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
  float deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};
};

// `preprocessor`: its preprocessor_config.json, empty: none. Errors of the readers.
Result<std::shared_ptr<const VisionTower>> load_vision(const std::string& folder,
                                                       const std::string& preprocessor, NetworkCompute compute,
                                                       const LoadContext& context);

}  // namespace ipa

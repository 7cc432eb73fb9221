// A CLIP vision encoder in memory, with the features of the pictures it saw last.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "graph/backend.h"
#include "graph/params.h"
#include "models/clip_vision.h"
#include "pipeline/condition/feature_cache.h"

namespace ipa {

struct VisionTower {
  std::string folder;
  ClipVision network;
  ParamSet params;
  // From the model's preprocessor_config.json; CLIP's own where there is none.
  float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
  float deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  FeatureCache recent{16};
  explicit VisionTower(ClipVisionConfig config) : network(std::move(config)) {}
};

// `preprocessor`: its preprocessor_config.json, empty: none. Errors of the readers.
Result<std::shared_ptr<VisionTower>> load_vision(const std::string& folder, const std::string& preprocessor,
                                                 Compute compute, const Backend& backend, int threads,
                                                 const CancelFlag* cancel);

}  // namespace ipa

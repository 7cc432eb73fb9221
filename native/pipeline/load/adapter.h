// An IP-Adapter in memory: its image projection and its keys' and values' weights,
// checked against the UNet and the image encoder it is used with.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "graph/params.h"
#include "models/image_projection.h"
#include "models/unet.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/vision_tower.h"
#include "weights/describe/adapter_description.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct Adapter {
  AdapterRequest request;
  AdapterVariant variant = AdapterVariant::base;
  ImageProjectionConfig projection;
  ParamSet params;  // image_proj.* and ip_adapter.*
  bool lora = false;
  IgnoredTensors ignored;                     // of its file
  std::string encoder;                        // what it needs, for messages
  std::shared_ptr<const VisionTower> vision;  // null: it takes embeddings only
};

// `vision`: the image encoder to use it with, or null; `family`: of the UNet, for messages.
// `compute`: of the UNet; on the CPU an adapter is in f32. Errors of the readers; Code::mismatch when it is not for this UNet or this image encoder.
Result<std::shared_ptr<const Adapter>> load_adapter(const AdapterRequest& request, const UNet& unet,
                                                    const std::string& family,
                                                    std::shared_ptr<const VisionTower> vision,
                                                    NetworkCompute compute, const LoadContext& context);

// Parameters of an adapter of this projection in these layers.
Status declare_adapter(ParamSet& params, const ImageProjectionConfig& projection,
                       const std::vector<CrossLayer>& layers);
ImageProjectionConfig projection_of(const AdapterDescription& description);

}  // namespace ipa

// Fills a network's parameters from a weight file.
#pragma once

#include <string>

#include "graph/backend.h"
#include "graph/params.h"
#include "weights/tensor_source.h"

namespace ipa {

// Reads, converts and packs every declared parameter; what is stored in f16 stays so in memory unless it is
// multiplied in another type; tensors are held one at a time a thread. `what` names the network in messages
// ("the UNet"). missing_tensor and shape when the file is not of this architecture; no_memory; cancelled.
Status load_params(ParamSet& params, const TensorSource& source, const Backend& backend, int threads,
                   const std::string& what, const CancelFlag* cancel);

}  // namespace ipa

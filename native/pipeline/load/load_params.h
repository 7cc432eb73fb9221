// Fills a network's parameters from a weight file.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/backend.h"
#include "graph/graph.h"
#include "graph/params.h"
#include "weights/changes/lora_matrix.h"
#include "weights/tensor_source.h"

namespace ipa {

// What loading weights needs beside the weights.
struct LoadContext {
  const Backend& backend;
  int threads = 1;
  const CancelFlag* cancel = nullptr;
  AddProduct add_product = add_product_plainly;  // of LoRAs
  bool rests = false;  // the weights stay in the host's memory until they are used, see ParamSet::rest()
};

// Declares a network's parameters by describing its graph at a small size.
template <class Describe>
Status declare_params(ParamSet& params, Describe describe) {
  Graph graph(&params);
  describe(graph);
  IPA_TRY(graph.status());
  return params.status();
}

// Reads, converts and packs every declared parameter; what is stored in f16 stays so in memory unless it
// is multiplied in another type; what is stored in blocks does where the backend multiplies these; tensors are held one at a time per thread. `what` names the network in messages
// ("the UNet"). missing_tensor and shape when the file is not of this architecture; no_memory; cancelled.
Status load_params(ParamSet& params, const TensorSource& source, const std::string& what,
                   const LoadContext& context);

// Tells by the source's types how load_params() will keep the parameters, which plans depend on.
// The bytes that they will take. Errors as of load_params().
Result<size_t> foresee_params(ParamSet& params, const TensorSource& source, const std::string& what,
                              const Backend& backend);

// Parameters read and packed but not yet in use, so that several networks change together or not at all.
struct StagedParam {
  Param* param = nullptr;
  Memory data;
  bool halves = false;
  BlockFormat blocks;
};
using StagedParams = std::vector<StagedParam>;

// As load_params, of the parameters that hold one of these tensors.
Result<StagedParams> stage_params(ParamSet& params, const std::set<std::string>& tensors,
                                  const TensorSource& source, const std::string& what,
                                  const LoadContext& context);
void commit_params(StagedParams staged);

}  // namespace ipa

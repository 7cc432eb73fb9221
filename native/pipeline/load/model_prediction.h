// What a model predicts, decided from everything that says so, and put into its scheduler's configuration.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "pipeline/load/load_request.h"
#include "weights/describe/prediction_marks.h"

namespace ipa {

struct ModelPrediction {
  Found<std::string> prediction;  // "epsilon", "v_prediction" or "sample"
  Found<bool> zero_snr;
};

// The marks of a file and the configuration beside it.
PredictionMarks with_yaml(PredictionMarks marks, const OriginalConfig& yaml);
// What `scheduler`, a model folder's scheduler_config.json, says.
ModelPrediction prediction_in_config(const Json& scheduler);

// The request's options come first, then `marks` in their order, then `usual`.
// What differs from the latter is written into `scheduler`; where its class cannot have it,
// the class becomes DDIM's, which can. invalid_option for a zero terminal SNR of a model that predicts noise.
Result<ModelPrediction> choose_prediction(const LoadRequest& request, const std::vector<PredictionMarks>& marks,
                                          ModelPrediction usual, Json& scheduler);

}  // namespace ipa

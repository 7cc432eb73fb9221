// What a model predicts (noise, velocity or the clean picture) and whether its noise schedule ends at a signal
// of zero. Weights do not show it, so files say it in several ways; these are read here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

enum class Origin : uint8_t {
  option,            // the caller's word
  marker,            // an empty tensor whose name says it
  metadata,          // of a safetensors or GGUF file
  yaml,              // configuration of the original layout beside the file
  scheduler_config,  // of a model folder
  weights,           // a rule about the values of a tensor: a guess
  family             // nothing said so: what most models of the family are
};
const char* origin_name(Origin origin);

template <class T>
struct Found {
  T value{};
  Origin from = Origin::family;
  std::string detail;  // the tensor, key or file that said so
};

// `prediction` is "epsilon", "v_prediction" or "sample", as in a scheduler_config.json.
struct PredictionMarks {
  std::optional<Found<std::string>> prediction;
  std::optional<Found<bool>> zero_snr;
};

// "" for a word that no tool uses for one of them.
std::string prediction_type_of(std::string_view text);
// Marker tensors before metadata: the former are put in on purpose, the latter may be inherited in a merge.
// Code::unsupported for a model of another noise process, or a word that is not known.
Result<PredictionMarks> prediction_marks(const TensorSource& source);
// Of a whole model of this family in the original layout without any mark.
Result<Found<std::string>> usual_prediction(const TensorSource& source, const std::string& family,
                                            int64_t input_channels);
// As the family's own scheduler_config.json, but for the prediction.
Json usual_scheduler(const std::string& family);

}  // namespace ipa

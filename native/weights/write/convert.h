// A weight file written again in another format or another type, tensor by tensor.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct ConvertRequest {
  std::string input;   // a weight file of any format, or a component folder (open_model_weights)
  std::string output;  // .gguf or .safetensors, which is the format
  DType type = DType::f16;
  bool overwrite = false;
};

struct ConvertProgress {
  uint64_t tensors = 0, total_tensors = 0;  // written, of how many
  uint64_t bytes = 0, total_bytes = 0;      // of the file
};

struct Conversion {
  std::string format;  // as Inspection has it
  uint64_t tensors = 0, bytes = 0;
  std::map<std::string, uint64_t> types;  // tensors by storage type
};

// "f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0".
std::optional<DType> conversion_type(std::string_view name);

// Names and shapes stay, types are plan_conversion's. `output` appears in one step, when all of it is written;
// after an error or a cancel nothing is left. Memory: the largest tensor, in f32. `progress`,
// called after each tensor, and `cancel` may be null. Errors: the readers', plan_conversion's and the layouts';
// Code::invalid_option (an output that exists or is the input, an extension or type that does not go),
// io (no room), unsupported (a value that the type cannot hold; a whole model's folder), cancelled, no_memory.
Result<Conversion> convert(const ConvertRequest& request, const std::atomic<bool>* cancel = nullptr,
                           const std::function<void(const ConvertProgress&)>& progress = {});

}  // namespace ipa

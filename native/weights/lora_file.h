// LoRA files (Hu et al., 2021) and their kin of LyCORIS (Yeh et al., 2023): small changes of a model's weights.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/lora_delta.h"
#include "weights/lora_names.h"
#include "weights/tensor_source.h"

namespace ipa {

// A change of one layer: its weight becomes W + factor * delta.
struct LoraModule {
  LoraPart part = LoraPart::unet;
  // Path of the layer it changes; with underscores for dots when the file writes it so (kohya's tools).
  std::string layer;
  bool underscores = false;
  bool bias = false;  // changes the layer's bias instead
  LoraDelta delta;
  float factor = 1;  // alpha / rank
  // DoRA (Liu et al., 2024): the lengths that the sum's rows have in the end, or its columns.
  const TensorInfo* magnitude = nullptr;
};

struct LoraFile {
  std::unique_ptr<TensorSource> weights;
  std::vector<LoraModule> modules;  // by part and layer
};

// Whether any tensor's name is one of a LoRA's, readable here or not.
bool has_lora_names(const TensorSource& source);

// Reads the modules of a LoRA, LoCon, LoHa, LoKr, DoRA or whole difference (see lora_names.h for the
// spellings). A module's alpha is its own tensor, else for LoRA the file's `lora_adapter_metadata`, else the
// rank. Errors of open_weight_file; Code::mismatch (no LoRA), missing_tensor (half of a pair), duplicate,
// shape, range (alpha), syntax and type (metadata), unsupported (other kinds, alpha patterns).
Result<LoraFile> open_lora(const std::string& path);
Result<LoraFile> read_lora(std::unique_ptr<TensorSource> source);

}  // namespace ipa

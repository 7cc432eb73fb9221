// LoRA files (Hu et al., 2021): low-rank changes of some of a model's weights, W + factor * up * down.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// The network a module belongs to.
enum class LoraPart : uint8_t { unet, text_encoder, text_encoder_2 };

struct LoraModule {
  LoraPart part = LoraPart::unet;
  // Path of the layer it changes; with underscores for dots when the file writes it so (kohya's tools).
  std::string layer;
  bool underscores = false;
  const TensorInfo* down = nullptr;  // (rank, in) or (rank, in, kh, kw)
  const TensorInfo* up = nullptr;    // (out, rank) or (out, rank, 1, 1)
  float factor = 1;                  // alpha / rank
};

struct LoraFile {
  std::unique_ptr<TensorSource> weights;
  std::vector<LoraModule> modules;  // by part and layer
};

// Whether any tensor's name is one of a LoRA's, readable here or not.
bool has_lora_names(const TensorSource& source);

// Reads the modules of a safetensors LoRA in the spellings of diffusers (PEFT's and the older one) and of
// kohya's tools. A module's alpha is its own tensor, else the file's `lora_adapter_metadata`, else the rank.
// Errors of open_weight_file; Code::mismatch (no LoRA), missing_tensor (half of a pair), shape, range (alpha),
// syntax and type (metadata), unsupported (LoHa, LoKr, DoRA, changed biases, alpha patterns).
Result<LoraFile> open_lora(const std::string& path);
Result<LoraFile> read_lora(std::unique_ptr<TensorSource> source);

}  // namespace ipa

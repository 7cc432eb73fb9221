// LoRA files (Hu et al., 2021) and their kin of LyCORIS (Yeh et al., 2023): small changes of a model's weights.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "weights/changes/embedding_file.h"
#include "weights/changes/lora_delta.h"
#include "weights/names/lora_names.h"
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
  // One of those that make the delta, for messages.
  const TensorInfo& tensor() const { return delta.first.whole ? *delta.first.whole : *delta.first.left; }
};

struct LoraFile {
  std::unique_ptr<TensorSource> weights;
  std::vector<LoraModule> modules;        // by part and layer
  std::vector<EmbeddingRows> embeddings;  // tokens that come along, by their names
  IgnoredTensors ignored;                 // nothing to do with layers
};

// A LoRA's tensors sorted by what their names say; views and pointers are into the source.
struct LoraContents {
  std::vector<std::pair<LoraName, const TensorInfo*>> changes;
  std::vector<EmbeddingRows> embeddings;
  IgnoredTensors ignored;
};

// Whether any tensor's name is one of a LoRA's, readable here or not.
bool has_lora_names(const TensorSource& source);

// Reads no data. Code::unsupported (another kind of change, by its name; a tensor that looks like one),
// mismatch (no LoRA, one for another family), errors of find_embedding_rows.
Result<LoraContents> sort_lora_tensors(const TensorSource& source);

// Reads the modules of a LoRA, LoCon, LoHa, LoKr, DoRA or whole difference
// (see lora_names.h for the spellings). A module's alpha is its own tensor, else for LoRA PEFT's
// (see lora_metadata.h), else the rank. Errors of open_weight_file, sort_lora_tensors and LoraMetadata;
// Code::missing_tensor (half of a pair), duplicate, shape, range (alpha).
Result<LoraFile> open_lora(const std::string& path);
Result<LoraFile> read_lora(std::unique_ptr<TensorSource> source);

}  // namespace ipa

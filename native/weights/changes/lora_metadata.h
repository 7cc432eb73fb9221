// What PEFT's configuration says of a LoRA's alphas: in the file's own metadata, or in a file beside it.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "weights/names/layer_patterns.h"
#include "weights/names/lora_names.h"
#include "weights/tensor_source.h"

namespace ipa {

class LoraMetadata {
 public:
  // From `lora_adapter_metadata`, one configuration a network; else, for tensors as PEFT alone saves them
  // (`base_model.model.` in front), from the adapter_config.json in the same folder.
  // Code::syntax, type; errors of LayerPatterns.
  static Result<LoraMetadata> read(const TensorSource& source);

  // alpha / rank of a layer with no alpha of its own, as PEFT scales it; 1 where nothing is said.
  double factor(LoraPart part, std::string_view layer, double rank) const;
  bool is_dora(LoraPart part) const;

 private:
  Status read_beside(const TensorSource& source);
  Status check();
  const Json* find(LoraPart part, const char* key) const;

  Json json_;
  LayerPatterns alphas_[lora_parts];
  bool one_for_all_ = false;  // keys without the network's name in front
};

}  // namespace ipa

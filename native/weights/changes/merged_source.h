// A network's weights with LoRAs added to them:
// each tensor is changed while it is read, so the networks and the kernels know nothing of it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/changes/lora_file.h"
#include "weights/tensor_source.h"

namespace ipa {

struct LoraUse {
  LoraFile file;
  float weight = 1;
};

// `base` plus weight * factor * delta of every module that `loras` have for `part`; `base` itself
// when they have none. With DoRA the sum then gets its lengths, as in PEFT. `loras` must outlive the result.
// `changed` gets the names of the tensors that differ. A tensor is made in three times its memory at most (see
// LoraDelta), and reading stops when `math` says so. Code::mismatch (a layer the network does not have), shape,
// duplicate (one file changes a layer twice, under two names); of reading: range (a sum that is not finite).
Result<std::unique_ptr<TensorSource>> with_loras(std::unique_ptr<TensorSource> base,
                                                 const std::vector<LoraUse>& loras, LoraPart part,
                                                 std::set<std::string>* changed = nullptr,
                                                 const LoraMath& math = {});

}  // namespace ipa

#include "weights/changes/merged_source.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/finite.h"
#include "base/utf8.h"
#include "weights/changes/summed_source.h"
#include "weights/dtype.h"
#include "weights/names/ldm_names.h"

namespace ipa {
namespace {

constexpr std::string_view weight_ending = ".weight";

struct Change {
  const TensorSource* source;
  const LoraModule* module;
  float factor;
};

// Several LoRAs may change a tensor.
using Changes = SummedSource<std::vector<Change>>::Changes;

// PEFT writes DoRA's lengths as (out), or (1, out, 1, 1) for convolutions; LyCORIS as (out, 1...)
// or, at first, as (1, in...).
bool has_length_per_output(const TensorInfo& magnitude, const TensorInfo& weight) {
  if (magnitude.elements() != weight.shape[0]) return false;
  if (magnitude.shape.size() < 2 || magnitude.shape[0] == weight.shape[0]) return true;
  const std::string_view name = magnitude.name;
  return name.find(lora_role_name(LoraRole::magnitude)) != std::string_view::npos;
}

Status check_magnitude(const TensorInfo& magnitude, const TensorInfo& weight) {
  const bool per_input = weight.shape.size() >= 2 && magnitude.shape.size() >= 2 && magnitude.shape[0] == 1 &&
                         magnitude.elements() == weight.shape[1];
  if (weight.shape.size() >= 2 && (per_input || has_length_per_output(magnitude, weight))) return {};
  return Status(Code::shape,
                "tensor " + in_quotes(magnitude.name) +
                    " has neither a length for every output of its layer nor for every input: use a "
                    "LoRA made for this model family");
}

class MergedSource : public SummedSource<std::vector<Change>> {
 public:
  MergedSource(std::unique_ptr<TensorSource> base, Changes changes, LoraMath math)
      : SummedSource(std::move(base), std::move(changes)), math_(std::move(math)) {}

 private:
  Status add(const std::vector<Change>& changes, const TensorInfo& tensor, float* out) const override {
    for (const Change& change : changes) IPA_TRY(add_one(change, tensor, &change == &changes.front(), out));
    return {};
  }

  // `first`: `out` is the weight as the model has it.
  Status add_one(const Change& change, const TensorInfo& tensor, bool first, float* out) const {
    IPA_ASSIGN(std::vector<float> delta, change.module->delta.read(*change.source, tensor.elements(), math_));
    for (float& value : delta) value *= change.factor;
    if (change.module->magnitude) {
      // DoRA turns the weight as the model has it, whatever else is added to it.
      std::vector<float> read_again(first ? 0 : delta.size());
      if (!first) IPA_TRY(base().read_f32(tensor, read_again.data()));
      IPA_TRY(add_dora(change, tensor, first ? out : read_again.data(), &delta));
    }
    for (size_t i = 0; i < delta.size(); ++i) out[i] += delta[i];
    if (all_finite(out, delta.size())) return {};
    return not_finite(change, change.module->tensor(), tensor);
  }

  static Status not_finite(const Change& change, const TensorInfo& by, const TensorInfo& tensor) {
    return Status(Code::range, in_quotes(change.source->path(), 1024) + ": the change by tensor " +
                                   in_quotes(by.name) + " makes values of weight " + in_quotes(tensor.name) +
                                   " that are no finite numbers: the file is damaged, or its alpha or the "
                                   "LoRA's weight is too large");
  }

  // From W's change to that of m * W / |W|, where |W| has a length for every output or for every input.
  static Status add_dora(const Change& change, const TensorInfo& tensor, const float* original,
                         std::vector<float>* delta) {
    const TensorInfo& magnitude = *change.module->magnitude;
    std::vector<float> lengths(static_cast<size_t>(magnitude.elements()));
    IPA_TRY(change.source->read_f32(magnitude, lengths.data()));
    if (!all_finite(lengths.data(), lengths.size())) return not_finite(change, magnitude, tensor);
    const auto rows = static_cast<size_t>(tensor.shape[0]), inputs = static_cast<size_t>(tensor.shape[1]);
    const size_t kernel = delta->size() / rows / inputs;
    const bool of_outputs = has_length_per_output(magnitude, tensor);
    std::vector<double> scales(lengths.size());
    const auto each = [&](const auto& visit) {
      for (size_t row = 0; row < rows; ++row) {
        for (size_t input = 0; input < inputs; ++input) {
          const size_t begin = (row * inputs + input) * kernel;
          for (size_t i = begin; i < begin + kernel; ++i) visit(i, scales[of_outputs ? row : input]);
        }
      }
    };
    const auto sum = [&](size_t i) {
      return static_cast<double>(original[i]) + static_cast<double>((*delta)[i]);
    };
    each([&](size_t i, double& squares) { squares += sum(i) * sum(i); });
    for (size_t i = 0; i < scales.size(); ++i) {
      // Zeros have no direction to be given a length.
      if (scales[i] > 0) scales[i] = static_cast<double>(lengths[i]) / std::sqrt(scales[i]);
    }
    each([&](size_t i, double scale) {
      (*delta)[i] = static_cast<float>(sum(i) * scale - static_cast<double>(original[i]));
    });
    return {};
  }

  LoraMath math_;
};

// Finds the weight or bias of a module's layer.
class LayerIndex {
 public:
  explicit LayerIndex(const TensorSource& base) : base_(base) {
    const LdmUNetNames ldm = LdmUNetNames::of_tensors(base);
    for (const TensorInfo& info : base.tensors()) {
      std::string name = info.name;
      if (name.size() <= weight_ending.size()) continue;
      const size_t stem = name.size() - weight_ending.size();
      if (name.compare(stem, std::string::npos, weight_ending) != 0) continue;
      name.resize(stem);
      // Both the layer's own name and the original's.
      for (std::string spelling : {name, ldm.of(name)}) {
        if (spelling.empty()) continue;
        std::replace(spelling.begin(), spelling.end(), '.', '_');
        by_underscores_.emplace(std::move(spelling), name);
      }
    }
  }

  const TensorInfo* find(const LoraModule& module) const {
    const std::string ending = module.bias ? ".bias" : std::string(weight_ending);
    // The text encoder's layers are also written without the model's own name in front.
    for (const char* front : {"", "text_model"}) {
      std::string layer = module.layer;
      if (*front) layer = front + ((module.underscores ? "_" : ".") + layer);
      const TensorInfo* found = module.underscores ? nullptr : base_.find(layer + ending);
      if (found) return found;
      // Trainers of SDXL write the original's names with dots, too.
      std::replace(layer.begin(), layer.end(), '.', '_');
      const auto spelled = by_underscores_.find(layer);
      if (spelled == by_underscores_.end()) continue;
      found = base_.find(spelled->second + ending);
      if (found) return found;
    }
    return nullptr;
  }

 private:
  const TensorSource& base_;
  std::unordered_map<std::string, std::string> by_underscores_;
};

Status unknown_layer(const LoraModule& module) {
  return Status(Code::mismatch, std::string("the model has no layer ") + in_quotes(module.layer) +
                                    (module.bias ? " with a bias" : "") +
                                    ": use a LoRA made for this model family");
}

Status changed_twice(const LoraModule& first, const LoraModule& second) {
  return Status(Code::duplicate, "tensors " + in_quotes(first.tensor().name) + " and " +
                                     in_quotes(second.tensor().name) +
                                     " change the same layer under two names: remove one of them");
}

}  // namespace

Result<std::unique_ptr<TensorSource>> with_loras(std::unique_ptr<TensorSource> base,
                                                 const std::vector<LoraUse>& loras, LoraPart part,
                                                 std::set<std::string>* changed, const LoraMath& math) {
  Changes changes;
  const LayerIndex index(*base);
  for (const LoraUse& lora : loras) {
    const std::string where = in_quotes(lora.file.weights->path(), 1024);
    // One file may spell a layer in two ways; other files may change it as well.
    std::unordered_map<const TensorInfo*, const LoraModule*> of_file;
    for (const LoraModule& module : lora.file.modules) {
      if (module.part != part) continue;
      const TensorInfo* weight = index.find(module);
      if (!weight) return unknown_layer(module).in(where);
      const auto [other, is_first] = of_file.emplace(weight, &module);
      if (!is_first) return changed_twice(*other->second, module).in(where);
      if (!module.delta.fits(weight->shape))
        return Status(Code::shape,
                      where + ": layer " + in_quotes(module.layer) +
                          " has another size than the model's: use a LoRA made for this model family");
      // The sum would hide what it was made of.
      IPA_TRY(refuse_integers(*weight, "the model").in(in_quotes(base->path(), 1024)));
      if (module.magnitude) IPA_TRY(check_magnitude(*module.magnitude, *weight).in(where));
      // Nothing is added, not even zeros: weight 0 leaves every bit as it is.
      if (lora.weight == 0) continue;
      changes[static_cast<size_t>(weight - base->tensors().data())].push_back(
          {lora.file.weights.get(), &module, lora.weight * module.factor});
    }
  }
  if (changed)
    for (const auto& change : changes) changed->insert(base->tensors()[change.first].name);
  if (changes.empty()) return base;
  return std::unique_ptr<TensorSource>(
      std::make_unique<MergedSource>(std::move(base), std::move(changes), math));
}

}  // namespace ipa

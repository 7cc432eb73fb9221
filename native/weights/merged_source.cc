#include "weights/merged_source.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/utf8.h"
#include "weights/ldm_names.h"
#include "weights/name_index.h"

namespace ipa {
namespace {

constexpr std::string_view weight_ending = ".weight";

struct Change {
  const TensorSource* source;
  const TensorInfo* down;
  const TensorInfo* up;
  float factor;
};

// By the tensor's place in the base.
using Changes = std::unordered_map<size_t, std::vector<Change>>;

class MergedSource : public TensorSource {
 public:
  MergedSource(std::unique_ptr<TensorSource> base, Changes changes)
      : base_(std::move(base)), changes_(std::move(changes)), infos_(base_->tensors()) {
    // A sum is not of the storage type any more.
    for (const auto& changed : changes_) {
      TensorInfo& info = infos_[changed.first];
      info.type = DType::f32;
      info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
    }
    index_.build(infos_);
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  const TensorInfo* find(std::string_view name) const override {
    const size_t at = index_.find(name);
    return at == NameIndex::none ? nullptr : &infos_[at];
  }
  const std::string& path() const override { return base_->path(); }

  Status read(const TensorInfo& tensor, DType as, void* out) const override {
    IPA_TRY(base_->read(tensor, as, out));
    const auto found = changes_.find(index_.find(tensor.name));
    if (found == changes_.end()) return {};
    for (const Change& change : found->second) IPA_TRY(add(change, tensor, static_cast<float*>(out)));
    return {};
  }

 private:
  static Status add(const Change& change, const TensorInfo& tensor, float* out) {
    const int64_t rows = tensor.shape[0], columns = tensor.elements() / rows, rank = change.down->shape[0];
    std::vector<float> down(static_cast<size_t>(rank * columns)), up(static_cast<size_t>(rows * rank));
    IPA_TRY(change.source->read_f32(*change.down, down.data()));
    IPA_TRY(change.source->read_f32(*change.up, up.data()));
    for (int64_t row = 0; row < rows; ++row) {
      float* to = out + row * columns;
      for (int64_t r = 0; r < rank; ++r) {
        const float by = change.factor * up[static_cast<size_t>(row * rank + r)];
        const float* from = down.data() + r * columns;
        for (int64_t column = 0; column < columns; ++column) to[column] += by * from[column];
      }
    }
    return {};
  }

  std::unique_ptr<TensorSource> base_;
  Changes changes_;
  std::vector<TensorInfo> infos_;
  NameIndex index_;
};

// Finds the weight of a module's layer.
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
      // Trainers of SDXL write the original's names, with underscores too.
      for (std::string spelling : {name, ldm.of(name)}) {
        if (spelling.empty()) continue;
        std::replace(spelling.begin(), spelling.end(), '.', '_');
        by_underscores_.emplace(std::move(spelling), &info);
      }
    }
  }

  const TensorInfo* find(const LoraModule& module) const {
    // The text encoder's layers are also written without the model's own name in front.
    for (const char* front : {"", "text_model"}) {
      if (module.underscores) {
        const auto found = by_underscores_.find(*front ? front + ("_" + module.layer) : module.layer);
        if (found != by_underscores_.end()) return found->second;
      } else {
        const std::string layer = *front ? front + ("." + module.layer) : module.layer;
        const TensorInfo* found = base_.find(layer + std::string(weight_ending));
        if (found) return found;
      }
    }
    return nullptr;
  }

 private:
  const TensorSource& base_;
  std::unordered_map<std::string, const TensorInfo*> by_underscores_;
};

// (out, in) and (out, in, 1, 1) are the same weights.
bool fits(const TensorInfo& weight, const LoraModule& module) {
  const auto& down = module.down->shape;
  const auto size = [](const std::vector<int64_t>& shape, size_t i) { return i < shape.size() ? shape[i] : 1; };
  if (weight.shape.size() < 2 || weight.shape[0] != module.up->shape[0]) return false;
  for (size_t i = 1; i < std::max(down.size(), weight.shape.size()); ++i) {
    if (size(down, i) != size(weight.shape, i)) return false;
  }
  return true;
}

Status unknown_layer(const LoraModule& module) {
  return Status(Code::mismatch,
                "the model has no layer " + quoted(module.layer) + ": use a LoRA made for this model family");
}

}  // namespace

Result<std::unique_ptr<TensorSource>> with_loras(std::unique_ptr<TensorSource> base,
                                                 const std::vector<LoraUse>& loras, LoraPart part,
                                                 std::set<std::string>* changed) {
  Changes changes;
  const LayerIndex index(*base);
  for (const LoraUse& lora : loras) {
    const std::string where = quoted(lora.file.weights->path(), 1024);
    for (const LoraModule& module : lora.file.modules) {
      if (module.part != part) continue;
      const TensorInfo* weight = index.find(module);
      if (!weight) return unknown_layer(module).in(where);
      if (!fits(*weight, module))
        return Status(Code::shape,
                      where + ": layer " + quoted(module.layer) +
                          " has another size than the model's: use a LoRA made for this model family");
      // Nothing is added, not even zeros: weight 0 leaves every bit as it is.
      if (lora.weight == 0) continue;
      changes[static_cast<size_t>(weight - base->tensors().data())].push_back(
          {lora.file.weights.get(), module.down, module.up, lora.weight * module.factor});
    }
  }
  if (changed)
    for (const auto& change : changes) changed->insert(base->tensors()[change.first].name);
  if (changes.empty()) return base;
  return std::unique_ptr<TensorSource>(std::make_unique<MergedSource>(std::move(base), std::move(changes)));
}

}  // namespace ipa

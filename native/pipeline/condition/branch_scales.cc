#include "pipeline/condition/branch_scales.h"

#include <algorithm>

#include "pipeline/window.h"

namespace ipa {
namespace {

float on_curve(const std::vector<CurvePoint>& curve, float share) {
  if (curve.empty()) return 1;
  const auto after =
      std::find_if(curve.begin(), curve.end(), [&](const CurvePoint& p) { return p.share > share; });
  if (after == curve.begin()) return curve.front().factor;
  const CurvePoint& from = *(after - 1);
  if (after == curve.end()) return from.factor;
  const float way = (share - from.share) / (after->share - from.share);
  return from.factor + way * (after->factor - from.factor);
}

MaskGrid grid_of(const ModelSet& models, const GenerateRequest& request, const CrossLayer& layer) {
  const UNet& unet = models.unet->network;
  const int64_t scale = models.vae->config().scale();
  return {unet.side_at(layer.level, request.width / scale), unet.side_at(layer.level, request.height / scale)};
}

}  // namespace

float factor_in_call(const ImageBranch& branch, int call, int calls) {
  if (!in_window(branch.start, branch.end, static_cast<size_t>(call), static_cast<size_t>(calls))) return 0;
  return on_curve(branch.curve, calls > 1 ? static_cast<float>(call) / static_cast<float>(calls - 1) : 0.0f);
}

bool BranchScales::guided() const {
  return std::any_of(parts_->begin(), parts_->end(), [](const GuidancePart& part) { return !part.positive; });
}

Result<BranchScales> BranchScales::plan(const ModelSet& models, const GenerateRequest& request,
                                        const std::vector<GuidancePart>& parts) {
  BranchScales self;
  self.space_ = &models.backend(Part::unet).memory();
  self.request_ = &request;
  self.parts_ = &parts;
  for (size_t i = 0; i < request.branches.size(); ++i) {
    IPA_ASSIGN(std::vector<int> layers, self.plan_branch(models, i));
    self.branches_.push_back(std::move(layers));
  }
  for (size_t i = 0; i < request.regions.size(); ++i)
    self.regions_.push_back(self.plan_layers(models, {PlaceOf::region, i}));
  if (!request.regions.empty()) self.prompt_ = self.plan_layers(models, {PlaceOf::prompt, 0});
  size_t count = 0;
  for (Slot& slot : self.slots_) {
    slot.at = count;
    count += static_cast<size_t>(slot.rows) * parts.size();
  }
  self.values_.resize(count);
  return self;
}

// Of what reads all layers alike.
std::vector<int> BranchScales::plan_layers(const ModelSet& models, PlaceOf what) {
  std::vector<int> slots;
  for (const CrossLayer& layer : models.unet->network.cross_layers())
    slots.push_back(slot_of(what, 1, grid_of(models, *request_, layer)));
  return slots;
}

Result<std::vector<int>> BranchScales::plan_branch(const ModelSet& models, size_t index) {
  const UNet& unet = models.unet->network;
  const ImageBranch& branch = request_->branches[index];
  const size_t modules = unet.attention_modules().size();
  if (!branch.layers.empty() && branch.layers.size() != modules)
    return Status::option("imagePrompts", "a scale for each of the " + std::to_string(modules) +
                                              " attentions of this UNet was expected, " +
                                              std::to_string(branch.layers.size()) + " received");
  const PlaceOf what{PlaceOf::branch, index};
  const bool silent = branch.scale == 0 || (branch.contrary && !guided());
  std::vector<int> slots;
  for (const CrossLayer& layer : unet.cross_layers()) {
    const float factor = branch.layers.empty() ? 1.0f : branch.layers[static_cast<size_t>(layer.module)];
    const bool none = silent || layer.adapter_index < 0 || factor == 0;
    const MaskGrid grid = is_everywhere(*request_, what) ? MaskGrid{} : grid_of(models, *request_, layer);
    slots.push_back(none ? -1 : slot_of(what, factor, grid));
  }
  return slots;
}

int BranchScales::slot_of(PlaceOf what, float factor, MaskGrid layer) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.what.kind == what.kind && slot.what.index == what.index && slot.factor == factor &&
        slot.layer.width == layer.width && slot.layer.height == layer.height)
      return static_cast<int>(i);
  }
  Slot slot;
  slot.what = what;
  slot.factor = factor;
  slot.layer = layer;
  slot.rows = std::max<int64_t>(1, layer.width * layer.height);
  slots_.push_back(std::move(slot));
  return static_cast<int>(slots_.size() - 1);
}

std::vector<bool> BranchScales::used(size_t branch) const {
  std::vector<bool> result;
  for (int slot : branches_[branch]) result.push_back(slot >= 0);
  return result;
}

BoundView BranchScales::view(size_t value, int64_t first, int64_t count) const {
  const Slot& slot = slots_[value];
  return memory_.floats(slot.at + static_cast<size_t>(first * slot.rows),
                        static_cast<size_t>(count * slot.rows));
}

Status BranchScales::begin() {
  const auto has_place = [](const Slot& slot) { return slot.layer.width > 0; };
  if (std::any_of(slots_.begin(), slots_.end(), has_place)) {
    IPA_ASSIGN(const Places places, Places::read(*request_));
    for (Slot& slot : slots_)
      if (has_place(slot)) slot.weights = places.rows(slot.what, slot.layer);
  }
  return begin_call(0, 1);
}

float BranchScales::strength(const Slot& slot, const GuidancePart& part, int call, int calls) const {
  if (slot.what.kind != PlaceOf::branch) return 1;
  const ImageBranch& branch = request_->branches[slot.what.index];
  if (branch.contrary && part.positive) return 0;
  // Where keys and values have the scale in them, the result has none.
  const float scale = branch.kv_scaling == KvScaling::result ? branch.scale * slot.factor : 1.0f;
  return scale * factor_in_call(branch, call, calls);
}

Status BranchScales::begin_call(int call, int calls) {
  auto value = values_.begin();
  for (const Slot& slot : slots_)
    for (const GuidancePart& part : *parts_) {
      const float scale = strength(slot, part, call, calls);
      if (slot.weights.empty()) *value++ = scale;
      for (float weight : slot.weights) *value++ = scale * weight;
    }
  return values_.empty() ? Status() : memory_.set(*space_, values_);
}

}  // namespace ipa

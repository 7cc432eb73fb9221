#include "pipeline/condition/branch_scales.h"

#include <algorithm>

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

}  // namespace

bool in_window(double start, double end, int call, int calls) {
  return !(static_cast<double>(call) / calls < start || static_cast<double>(call + 1) / calls > end);
}

float factor_in_call(const ImageBranch& branch, int call, int calls) {
  if (!in_window(branch.start, branch.end, call, calls)) return 0;
  return on_curve(branch.curve, calls > 1 ? static_cast<float>(call) / static_cast<float>(calls - 1) : 0.0f);
}

Result<BranchScales> BranchScales::plan(const UNet& unet, const std::vector<ImageBranch>& branches,
                                        const std::vector<GuidancePart>& parts) {
  BranchScales self;
  self.branches_ = &branches;
  self.parts_ = &parts;
  const auto is_negative = [](const GuidancePart& part) { return !part.positive; };
  const bool guided = std::any_of(parts.begin(), parts.end(), is_negative);
  const size_t modules = unet.attention_modules().size();
  for (size_t b = 0; b < branches.size(); ++b) {
    const std::vector<float>& factors = branches[b].layers;
    if (!factors.empty() && factors.size() != modules)
      return Status::option("imagePrompts", "a scale for each of the " + std::to_string(modules) +
                                                " attentions of this UNet was expected, " +
                                                std::to_string(factors.size()) + " received");
    self.layers_.emplace_back();
    for (const CrossLayer& layer : unet.cross_layers()) {
      const float factor = factors.empty() ? 1.0f : factors[static_cast<size_t>(layer.module)];
      const bool none =
          layer.adapter_index < 0 || factor == 0 || branches[b].scale == 0 || (branches[b].contrary && !guided);
      self.layers_[b].push_back(none ? -1 : self.slot_of(b, factor));
    }
  }
  self.values_.resize(self.slots_.size() * parts.size());
  return self;
}

int BranchScales::slot_of(size_t branch, float factor) {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].branch == branch && slots_[i].factor == factor) return static_cast<int>(i);
  slots_.push_back({branch, factor});
  return static_cast<int>(slots_.size() - 1);
}

std::vector<bool> BranchScales::used(size_t branch) const {
  std::vector<bool> result;
  for (int slot : layers_[branch]) result.push_back(slot >= 0);
  return result;
}

BoundView BranchScales::view(size_t value, int64_t first, int64_t count) const {
  return memory_.floats(value * parts_->size() + static_cast<size_t>(first), static_cast<size_t>(count));
}

Status BranchScales::begin_call(int call, int calls) {
  auto value = values_.begin();
  for (const Slot& slot : slots_) {
    const ImageBranch& branch = (*branches_)[slot.branch];
    const float scale = branch.scale * slot.factor * factor_in_call(branch, call, calls);
    for (const GuidancePart& part : *parts_) *value++ = branch.contrary && part.positive ? 0.0f : scale;
  }
  return values_.empty() ? Status() : memory_.set(values_);
}

}  // namespace ipa

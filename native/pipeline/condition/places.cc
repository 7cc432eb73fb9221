#include "pipeline/condition/places.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "image/resample.h"

namespace ipa {
namespace {

Result<std::vector<float>> read_mask(const Picture& mask, MaskGrid picture, bool soft) {
  IPA_ASSIGN(const std::vector<uint8_t> rgb, resize_picture(mask.rgb.data(), mask.width, mask.height,
                                                            picture.width, picture.height, Filter::lanczos));
  return mask_weights(rgb, soft);
}

// Where regions together pass 1 each gets its share; the rest up to 1 is the prompt's.
std::vector<float> share_out(std::vector<std::vector<float>>& regions, size_t pixels) {
  std::vector<float> rest(pixels);
  for (size_t p = 0; p < pixels; ++p) {
    float sum = 0;
    for (const std::vector<float>& region : regions) sum += region[p];
    if (sum > 1)
      for (std::vector<float>& region : regions) region[p] /= sum;
    rest[p] = std::max(1.0f - sum, 0.0f);
  }
  return rest;
}

}  // namespace

Result<Places> Places::read(const GenerateRequest& request) {
  Places self;
  self.request_ = &request;
  self.picture_ = {request.width, request.height};
  for (const ImageBranch& branch : request.branches) {
    self.masks_.emplace_back();
    if (!branch.mask) continue;
    IPA_ASSIGN(self.masks_.back(), read_mask(*branch.mask, self.picture_, branch.soft_mask));
  }
  for (const PromptRegion& region : request.regions) {
    IPA_ASSIGN(std::vector<float> weights, read_mask(region.mask, self.picture_, true));
    for (float& weight : weights) weight *= region.scale;
    self.regions_.push_back(std::move(weights));
  }
  self.rest_ = share_out(self.regions_, static_cast<size_t>(request.width * request.height));
  return self;
}

std::vector<float> Places::rows(PlaceOf what, MaskGrid layer) const {
  if (what.kind == PlaceOf::region) return soft_mask_rows(regions_[what.index], picture_, layer);
  if (what.kind == PlaceOf::prompt) return soft_mask_rows(rest_, picture_, layer);
  const ImageBranch& branch = request_->branches[what.index];
  const std::vector<float>& mask = masks_[what.index];
  const auto queries = static_cast<size_t>(layer.width * layer.height);
  std::vector<float> rows(queries, 1.0f);
  if (!mask.empty())
    rows = branch.soft_mask ? soft_mask_rows(mask, picture_, layer)
                            : binary_mask_rows(mask, picture_, layer.width * layer.height);
  if (branch.region < 0) return rows;
  const std::vector<float> within =
      soft_mask_rows(regions_[static_cast<size_t>(branch.region)], picture_, layer);
  for (size_t i = 0; i < queries; ++i) rows[i] *= within[i];
  return rows;
}

bool is_everywhere(const GenerateRequest& request, PlaceOf what) {
  if (what.kind != PlaceOf::branch) return false;
  const ImageBranch& branch = request.branches[what.index];
  return !branch.mask && branch.region < 0;
}

Status check_places(const GenerateRequest& request) {
  for (const ImageBranch& branch : request.branches) {
    if (branch.mask && !branch.mask->is_whole())
      return Status::option("imagePrompts", "mask: expected 3 * width * height bytes");
    if (branch.region >= static_cast<int>(request.regions.size()))
      return Status::option("regions", "there is no region " + std::to_string(branch.region));
  }
  for (const PromptRegion& region : request.regions) {
    if (!region.mask.is_whole()) return Status::option("regions", "mask: expected 3 * width * height bytes");
    if (!std::isfinite(region.scale) || region.scale < 0)
      return Status::option("regions", "scale: expected a finite number of at least 0");
  }
  return {};
}

}  // namespace ipa

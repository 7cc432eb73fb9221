#include "pipeline/condition/mask_crop.h"

#include <algorithm>
#include <utility>

#include "image/grey.h"
#include "image/overlay.h"
#include "image/resample.h"

namespace ipa {
namespace {

bool paints_part(const GenerateRequest& request) { return request.mask_crop >= 0; }

Size picture_size(const Picture& picture) { return {picture.width, picture.height}; }

Result<std::vector<uint8_t>> scaled_to(const Picture& picture, Size size) {
  return resize_picture(picture.rgb.data(), picture.width, picture.height, size.width, size.height,
                        Filter::lanczos);
}

// The request's mask, a byte per pixel.
Result<std::vector<uint8_t>> grey_mask(const GenerateRequest& request, Size size) {
  IPA_ASSIGN(const std::vector<uint8_t> rgb, scaled_to(*request.mask, size));
  return to_grey(rgb.data(), size.width * size.height, GreyRule::pillow);
}

// A part of `size` pixels into a picture of another size, at the region's corner.
void paste_part(const std::vector<uint8_t>& part, const Region& region, std::vector<uint8_t>& picture,
                Size size) {
  for (int64_t y = 0; y < region.height(); ++y)
    std::copy_n(part.begin() + 3 * y * region.width(), 3 * region.width(),
                picture.begin() + 3 * ((region.top + y) * size.width + region.left));
}

}  // namespace

Size output_size(const GenerateRequest& request) {
  return paints_part(request) ? picture_size(*request.image) : Size{request.width, request.height};
}

Result<Region> painted_region(const GenerateRequest& request) {
  const Size size = picture_size(*request.image);
  IPA_ASSIGN(const std::vector<uint8_t> mask, grey_mask(request, size));
  const auto region = mask_region(mask, size, {request.width, request.height}, request.mask_crop);
  if (!region)
    return Status::option("mask", "all of it is black, so there is nothing to paint: paint a part white");
  return *region;
}

Result<std::vector<uint8_t>> fit_to_paint(const GenerateRequest& request, const Picture& picture) {
  const Size target{request.width, request.height};
  if (!paints_part(request)) return scaled_to(picture, target);
  const Size size = picture_size(*request.image);
  IPA_ASSIGN(const Region region, painted_region(request));
  IPA_ASSIGN(const std::vector<uint8_t> whole, scaled_to(picture, size));
  return resize_and_fill(crop_picture(whole, size, region), {region.width(), region.height()}, target);
}

Result<std::vector<uint8_t>> keep_unmasked(const GenerateRequest& request, std::vector<uint8_t> painted) {
  const Size size = output_size(request);
  if (paints_part(request)) {
    IPA_ASSIGN(const Region region, painted_region(request));
    IPA_ASSIGN(const std::vector<uint8_t> part,
               resize_and_cut(painted, {request.width, request.height}, {region.width(), region.height()}));
    painted.assign(static_cast<size_t>(3 * size.width * size.height), 0);
    paste_part(part, region, painted, size);
  }
  IPA_ASSIGN(std::vector<uint8_t> mask, grey_mask(request, size));
  pillow_blur(mask, size.width, size.height, request.mask_feather);
  IPA_ASSIGN(const std::vector<uint8_t> own, scaled_to(*request.image, size));
  overlay(own, mask, painted);
  return painted;
}

size_t keep_unmasked_bytes(const GenerateRequest& request) {
  const Size size = output_size(request);
  return static_cast<size_t>(8 * size.width * size.height);
}

}  // namespace ipa

// What of the picture to change is painted: all of it, or with maskCrop the part around the mask.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "image/region.h"
#include "pipeline/request.h"

namespace ipa {

// Of the pictures that a call gives: with maskCrop the picture's own.
Size output_size(const GenerateRequest& request);

// With maskCrop. The option "mask" where all of it is black.
Result<Region> painted_region(const GenerateRequest& request);

// A picture of the request's in the size that is painted: resized, or with maskCrop its part, filled up to that size.
Result<std::vector<uint8_t>> fit_to_paint(const GenerateRequest& request, const Picture& picture);

// Puts what was painted where it belongs in the picture, and the picture over it where the mask is black.
Result<std::vector<uint8_t>> keep_unmasked(const GenerateRequest& request, std::vector<uint8_t> painted);
// Bytes that it holds beside its argument.
size_t keep_unmasked_bytes(const GenerateRequest& request);

}  // namespace ipa

// A picture that says where an image prompt counts, brought to the queries of attention.
#pragma once

#include <cstdint>
#include <vector>

namespace ipa {

// 8-bit RGB of a mask to a weight per pixel: PIL's grey, and from the middle up 1, below 0 (diffusers'
// IPAdapterMaskProcessor). `soft`: the grey itself, from 0 to 1.
std::vector<float> mask_weights(const std::vector<uint8_t>& rgb, bool soft);

// The rows of pixels of some size.
struct MaskGrid {
  int64_t width = 0, height = 0;
};

// The weights of `queries` in a row, as diffusers' IPAdapterMaskProcessor.downsample() brings them there: to a grid
// that it tells from the mask's proportions, bicubic without antialiasing, cut off or filled up with zeros at the end.
std::vector<float> binary_mask_rows(const std::vector<float>& weights, MaskGrid mask, int64_t queries);

// To the grid of a layer, bilinear without antialiasing, as ComfyUI_IPAdapter_plus resizes masks.
std::vector<float> soft_mask_rows(const std::vector<float>& weights, MaskGrid mask, MaskGrid layer);

}  // namespace ipa

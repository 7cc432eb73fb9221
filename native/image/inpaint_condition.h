// The condition picture of a ControlNet for inpainting.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "image/rgb_view.h"

namespace ipa {

// RGB in 0..1, and -1 in all channels where the mask's grey is above one half: diffusers' make_inpaint_condition.
// Both have the same sides. Result: 3 * pixels floats, channels last. no_memory when there is none for it.
Result<std::vector<float>> inpaint_condition(const RgbView& picture, const RgbView& mask);

}  // namespace ipa

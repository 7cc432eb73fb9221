#include "image/inpaint_condition.h"

#include <new>

#include "image/grey.h"

namespace ipa {

Result<std::vector<float>> inpaint_condition(const RgbView& picture, const RgbView& mask) {
  if (mask.width != picture.width || mask.height != picture.height)
    return Status(Code::shape, "the mask has not the size of the picture");
  try {
    std::vector<float> condition(static_cast<size_t>(3 * picture.pixels()));
    const uint8_t *from = picture.data, *masked = mask.data;
    float* to = condition.data();
    for (int64_t i = 0; i < picture.pixels(); ++i, from += 3, masked += 3, to += 3) {
      const bool repainted = grey_of(masked, GreyRule::pillow) > 127;
      for (int c = 0; c < 3; ++c) to[c] = repainted ? -1.0f : static_cast<float>(from[c]) / 255.0f;
    }
    return condition;
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while making a condition picture");
  }
}

}  // namespace ipa

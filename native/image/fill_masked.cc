#include "image/fill_masked.h"

#include <new>

#include "image/box_blur.h"

namespace ipa {
namespace {

constexpr int radii[] = {64, 32, 16, 4, 2};
constexpr int times_each = 4;
constexpr int channels = 3;

// Of every channel, along rows and then along columns.
void blur(std::vector<uint8_t>& rgb, int64_t width, int64_t height, int radius) {
  PillowBoxBlur box(static_cast<float>(radius));
  for (int64_t y = 0; y < height; ++y)
    for (int c = 0; c < channels; ++c) box.run(rgb.data() + channels * y * width + c, width, channels);
  for (int64_t at = 0; at < channels * width; ++at) box.run(rgb.data() + at, height, channels * width);
}

}  // namespace

Result<std::vector<uint8_t>> blur_into_mask(std::vector<uint8_t> rgb, int64_t width, int64_t height,
                                            const std::vector<bool>& white) {
  if (rgb.size() != channels * white.size() || white.size() != static_cast<size_t>(width * height))
    return Status(Code::internal, "a picture and the mask to fill it have different sizes");
  try {
    std::vector<uint8_t> filled = rgb;
    for (const int radius : radii)
      for (int i = 0; i < times_each; ++i) {
        blur(filled, width, height, radius);
        for (size_t at = 0; at < rgb.size(); ++at)
          if (!white[at / channels]) filled[at] = rgb[at];
      }
    return filled;
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while filling what the mask hides");
  }
}

}  // namespace ipa

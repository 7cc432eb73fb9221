// Pictures made into what structure controls read, without a network.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "image/rgb_view.h"

namespace ipa {

enum class Preprocessor : uint8_t {
  canny,     // edges in white
  invert,    // 255 less each value
  blur,      // Gaussian
  tile,      // shrunk by means over areas, and enlarged again by Lanczos
  scribble,  // dark lines in white
  grey,      // Pillow's L
};

// By its name in the API.
std::optional<Preprocessor> preprocessor_of(std::string_view name);

// Each preprocessor reads its own; the ranges are those of the API.
struct Preprocess {
  Preprocessor what = Preprocessor::canny;
  double low = 100, high = 200;  // canny, 0 to 2040
  double sigma = 9;              // blur, 0.1 to 64 pixels
  double factor = 4;             // tile, 1 to 64
  double threshold = 32;         // scribble, 1 to 510
};

// RGB of the same size. Code::cancelled after `stop`; no_memory.
Result<std::vector<uint8_t>> preprocess(const RgbView& picture, const Preprocess& how, StopFlag stop = nullptr);

}  // namespace ipa

// Noise a part of the way from one seed's to another's.
#pragma once

#include <cstdint>
#include <vector>

namespace ipa {

// AUTOMATIC1111's variation of noise: every column of every channel, `height` values of each, is turned towards the other's
// by `share` of the angle between them. channels * height * width values.
void turn_towards(std::vector<float>& noise, const std::vector<float>& other, int64_t height, int64_t width,
                  double share);

}  // namespace ipa

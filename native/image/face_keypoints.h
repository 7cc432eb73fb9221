// The picture of five points of a face that InstantID's ControlNet reads.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"

namespace ipa {

struct FacePoint {
  double x = 0, y = 0;  // pixels from the left and from the top
};

// Left eye, right eye, nose, left and right corner of the mouth, as InsightFace orders them.
using FacePoints = std::array<FacePoint, 5>;

// What InstantID's draw_kps paints on black, bit for bit: lines to the nose as ellipses 8 pixels wide at 0.6 of their
// colour, and a disc of radius 10 per point. Points may lie outside. Coordinates are at most 65536 from 0, sides 1 to 65536.
// Result: 3 * width * height bytes.
Result<std::vector<uint8_t>> draw_face_keypoints(const FacePoints& points, int64_t width, int64_t height);

}  // namespace ipa

#include "image/face_keypoints.h"

#include <cmath>
#include <new>

#include "image/canvas.h"

namespace ipa {
namespace {

constexpr double farthest = 65536;
constexpr size_t nose = 2;
constexpr std::array<Colour, 5> colours = {
    {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 0}, {255, 0, 255}}};

// Coordinates are cut off, not rounded.
int64_t whole(double value) { return static_cast<int64_t>(value); }

Colour dimmed(const Colour& colour) {
  Colour result;
  for (size_t c = 0; c < 3; ++c) result[c] = static_cast<uint8_t>(colour[c] * 0.6);
  return result;
}

void draw_limb(Canvas& canvas, const FacePoint& from, const FacePoint& to, const Colour& colour) {
  constexpr double degrees = 180 / 3.14159265358979323846;
  constexpr int64_t half_width = 4;
  const double x = from.x - to.x, y = from.y - to.y;
  const Point centre{whole((from.x + to.x) / 2), whole((from.y + to.y) / 2)};
  const auto angle = static_cast<int>(std::atan2(y, x) * degrees);
  canvas.fill_convex(ellipse_corners(centre, whole(std::sqrt(x * x + y * y) / 2), half_width, angle), colour);
}

}  // namespace

Result<std::vector<uint8_t>> draw_face_keypoints(const FacePoints& points, int64_t width, int64_t height) {
  for (int64_t side : {width, height})
    if (side < 1 || side > 65536) return Status(Code::limit, "a picture's sides must be 1 to 65536 pixels");
  for (const FacePoint& point : points)
    if (!(std::fabs(point.x) <= farthest && std::fabs(point.y) <= farthest))
      return Status(Code::limit, "a point of a face must be within 65536 pixels");
  try {
    Canvas canvas(width, height);
    for (const size_t i : {0, 1, 3, 4}) draw_limb(canvas, points[i], points[nose], dimmed(colours[i]));
    for (size_t i = 0; i < points.size(); ++i)
      canvas.fill_circle({whole(points[i].x), whole(points[i].y)}, 10, colours[i]);
    return canvas.take();
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while drawing the points of a face");
  }
}

}  // namespace ipa

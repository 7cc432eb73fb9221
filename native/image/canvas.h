// Filled shapes on an RGB picture, pixel for pixel those of OpenCV (8-connected lines, no antialiasing).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ipa {

using Colour = std::array<uint8_t, 3>;

struct Point {
  int64_t x = 0, y = 0;
  bool operator==(const Point& other) const { return x == other.x && y == other.y; }
};

class Canvas {
 public:
  // Black.
  Canvas(int64_t width, int64_t height);

  // cv2.fillConvexPoly, of any points: they may lie outside.
  void fill_convex(const std::vector<Point>& corners, Colour colour);
  // cv2.circle with thickness -1.
  void fill_circle(Point centre, int64_t radius, Colour colour);

  const std::vector<uint8_t>& rgb() const { return rgb_; }
  std::vector<uint8_t> take() { return std::move(rgb_); }

 private:
  void line(Point from, Point to, Colour colour);
  // Both ends included.
  void span(int64_t y, int64_t left, int64_t right, Colour colour);
  void dot(int64_t x, int64_t y, Colour colour);
  bool clip(Point& from, Point& to) const;
  unsigned sides_passed(const Point& point) const;

  int64_t width_, height_;
  std::vector<uint8_t> rgb_;
};

// cv2.ellipse2Poly of a whole ellipse, a corner per degree; corners that fall on one pixel are one. `angle` is in degrees, -360 to 360.
std::vector<Point> ellipse_corners(Point centre, int64_t long_axis, int64_t short_axis, int angle);

}  // namespace ipa

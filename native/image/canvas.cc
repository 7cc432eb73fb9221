#include "image/canvas.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ipa {
namespace {

constexpr int64_t one = 1 << 16;  // a pixel in the fixed point of edges

// A side of a polygon on its way down, and the corner that it leads to.
struct Edge {
  size_t corner;
  bool forwards;
  int64_t x = -one, slope = 0, bottom;
};

enum Side : unsigned { left_of = 1, right_of = 2, above = 4, below = 8 };

// Toward zero, as OpenCV rounds where a line passes a border.
int64_t crossing(int64_t distance, int64_t along, int64_t across) {
  return static_cast<int64_t>(static_cast<double>(distance) * static_cast<double>(along) /
                              static_cast<double>(across));
}

// The degree's sine in seven decimals, which is what OpenCV's table holds.
double sine(int degree) {
  constexpr double pi = 3.14159265358979323846;
  return static_cast<double>(static_cast<float>(std::round(std::sin(degree * pi / 180) * 1e7) / 1e7));
}

double cosine(int degree) { return sine(450 - degree); }

}  // namespace

Canvas::Canvas(int64_t width, int64_t height)
    : width_(width), height_(height), rgb_(static_cast<size_t>(3 * width * height)) {}

void Canvas::dot(int64_t x, int64_t y, Colour colour) {
  std::copy(colour.begin(), colour.end(), rgb_.begin() + 3 * (y * width_ + x));
}

void Canvas::span(int64_t y, int64_t left, int64_t right, Colour colour) {
  if (y < 0 || y >= height_) return;
  for (int64_t x = std::max<int64_t>(left, 0); x <= std::min(right, width_ - 1); ++x) dot(x, y, colour);
}

unsigned Canvas::sides_passed(const Point& point) const {
  return (point.x < 0 ? left_of : 0u) | (point.x >= width_ ? right_of : 0u) | (point.y < 0 ? above : 0u) |
         (point.y >= height_ ? below : 0u);
}

// Moves ends that lie outside onto the border. False: nothing of the line is inside.
bool Canvas::clip(Point& from, Point& to) const {
  unsigned ends[2] = {sides_passed(from), sides_passed(to)};
  Point* points[2] = {&from, &to};
  const auto undecided = [&] { return (ends[0] & ends[1]) == 0 && (ends[0] | ends[1]) != 0; };
  if (!undecided()) return ends[0] == 0 && ends[1] == 0;
  for (int i : {0, 1}) {
    if ((ends[i] & (above | below)) == 0) continue;
    const int64_t border = ends[i] & below ? height_ - 1 : 0;
    points[i]->x += crossing(border - points[i]->y, to.x - from.x, to.y - from.y);
    points[i]->y = border;
    ends[i] = sides_passed(*points[i]);
  }
  if (!undecided()) return ends[0] == 0 && ends[1] == 0;
  for (int i : {0, 1}) {
    if (ends[i] == 0) continue;
    const int64_t border = ends[i] & right_of ? width_ - 1 : 0;
    points[i]->y += crossing(border - points[i]->x, to.y - from.y, to.x - from.x);
    points[i]->x = border;
  }
  return true;
}

// Bresenham's, always from left to right.
void Canvas::line(Point from, Point to, Colour colour) {
  if (!clip(from, to)) return;
  if (to.x < from.x) std::swap(from, to);
  const int64_t width = to.x - from.x, height = std::abs(to.y - from.y), down = to.y < from.y ? -1 : 1;
  const bool steep = height > width;
  const int64_t major = std::max(width, height), minor = std::min(width, height);
  int64_t error = major - 2 * minor;
  for (int64_t i = 0; i <= major; ++i) {
    dot(from.x, from.y, colour);
    const bool both = error < 0;
    error += (both ? 2 * major : 0) - 2 * minor;
    if (steep || both) from.y += down;
    if (!steep || both) from.x += 1;
  }
}

void Canvas::fill_convex(const std::vector<Point>& corners, Colour colour) {
  for (size_t i = 0; i < corners.size(); ++i)
    line(corners[i > 0 ? i - 1 : corners.size() - 1], corners[i], colour);
  const auto higher = [](const Point& a, const Point& b) { return a.y < b.y; };
  const auto [top, bottom] = std::minmax_element(corners.begin(), corners.end(), higher);
  if (corners.size() < 3) return;
  const auto first = static_cast<size_t>(top - corners.begin());
  Edge edges[2] = {{first, true, -one, 0, top->y}, {first, false, -one, 0, top->y}};
  size_t left_over = corners.size();
  const auto turn = [&](Edge& edge, int64_t y) {
    size_t from = edge.corner;
    for (;; --left_over) {
      if (left_over == 0) return false;
      const size_t to =
          edge.forwards ? (from + 1) % corners.size() : (from + corners.size() - 1) % corners.size();
      const Point &begin = corners[from], &end = corners[to];
      from = to;
      if (end.y <= y) continue;
      const int64_t rows = end.y - y;
      edge = {to, edge.forwards, begin.x * one, (2 * (end.x - begin.x) * one + rows) / (2 * rows), end.y};
      --left_over;
      return true;
    }
  };
  for (int64_t y = top->y; y <= std::min(bottom->y, height_ - 1); ++y) {
    for (Edge& edge : edges)
      if (y >= edge.bottom && !turn(edge, y)) return;
    const auto [left, right] = std::minmax(edges[0].x, edges[1].x);
    span(y, (left + one / 2) >> 16, (right + one / 2) >> 16, colour);
    for (Edge& edge : edges) edge.x += edge.slope;
  }
}

void Canvas::fill_circle(Point centre, int64_t radius, Colour colour) {
  int64_t error = 0, wide = radius, narrow = 0, plus = 1, minus = 2 * radius - 1;
  while (wide >= narrow) {
    for (const int64_t sign : {-1, 1}) {
      span(centre.y + sign * narrow, centre.x - wide, centre.x + wide, colour);
      span(centre.y + sign * wide, centre.x - narrow, centre.x + narrow, colour);
    }
    ++narrow;
    error += plus;
    plus += 2;
    if (error <= 0) continue;
    error -= minus;
    --wide;
    minus -= 2;
  }
}

std::vector<Point> ellipse_corners(Point centre, int64_t long_axis, int64_t short_axis, int angle) {
  if (angle < 0) angle += 360;
  std::vector<Point> corners;
  for (int degree = 0; degree <= 360; ++degree) {
    const double x = static_cast<double>(long_axis) * cosine(degree);
    const double y = static_cast<double>(short_axis) * sine(degree);
    const double right = static_cast<double>(centre.x) + x * cosine(angle) - y * sine(angle);
    const double down = static_cast<double>(centre.y) + x * sine(angle) + y * cosine(angle);
    const Point corner{std::llrint(right), std::llrint(down)};
    if (corners.empty() || !(corner == corners.back())) corners.push_back(corner);
  }
  if (corners.size() == 1) corners.assign(2, centre);
  return corners;
}

}  // namespace ipa

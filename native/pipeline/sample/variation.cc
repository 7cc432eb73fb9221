#include "pipeline/sample/variation.h"

#include <cmath>

namespace ipa {
namespace {

// Calls `use` with the place of the first value of each column; its values lie `width` apart.
template <class Use>
void each_column(size_t count, size_t height, size_t width, Use use) {
  for (size_t channel = 0; channel < count; channel += height * width)
    for (size_t x = 0; x < width; ++x) use(channel + x);
}

struct Angle {
  double own = 0, other = 0, product = 0;  // squares of the lengths, and the inner product
  double cosine() const { return product / std::sqrt(own * other); }
};

Angle angle_of(const std::vector<float>& noise, const std::vector<float>& other, size_t first, size_t height,
               size_t width) {
  Angle angle;
  for (size_t y = 0; y < height; ++y) {
    const double a = noise[first + y * width], b = other[first + y * width];
    angle.own += a * a;
    angle.other += b * b;
    angle.product += a * b;
  }
  return angle;
}

}  // namespace

void turn_towards(std::vector<float>& noise, const std::vector<float>& other, int64_t height, int64_t width,
                  double share) {
  const auto h = static_cast<size_t>(height), w = static_cast<size_t>(width);
  double sum = 0;
  size_t columns = 0;
  each_column(noise.size(), h, w, [&](size_t first) {
    sum += angle_of(noise, other, first, h, w).cosine();
    ++columns;
  });
  // Between equal ones there is no angle to divide by.
  if (sum / static_cast<double>(columns) > 0.9995) return;
  each_column(noise.size(), h, w, [&](size_t first) {
    const double omega = std::acos(angle_of(noise, other, first, h, w).cosine());
    const double sine = std::sin(omega);
    const double keep = std::sin((1 - share) * omega) / sine, take = std::sin(share * omega) / sine;
    for (size_t y = 0; y < h; ++y) {
      float& value = noise[first + y * w];
      value = static_cast<float>(keep * value + take * other[first + y * w]);
    }
  });
}

}  // namespace ipa

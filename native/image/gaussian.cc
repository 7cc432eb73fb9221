#include "image/gaussian.h"

#include <cmath>

namespace ipa {
namespace {

// In 8 bits of fraction. What rounding leaves over goes to the next weight, and the rest to the one in the middle.
std::vector<uint32_t> in_fixed_point(const std::vector<double>& kernel) {
  std::vector<uint32_t> fixed(kernel.size());
  const size_t middle = kernel.size() / 2;
  double left_over = 0;
  int64_t sum = 0;
  for (size_t i = 0; i < middle; ++i) {
    const double wanted = kernel[i] * 256 + left_over;
    const double weight = std::nearbyint(wanted);
    left_over = wanted - weight;
    fixed[i] = fixed[kernel.size() - 1 - i] = static_cast<uint32_t>(weight);
    sum += 2 * static_cast<int64_t>(weight);
  }
  fixed[middle] = static_cast<uint32_t>(256 - sum);
  return fixed;
}

}  // namespace

std::vector<double> gaussian_kernel(double sigma, int reach) {
  const auto size = static_cast<size_t>(std::nearbyint(sigma * reach * 2 + 1)) | 1;
  const size_t middle = size / 2;
  std::vector<double> kernel(size);
  const double scale = -0.125 / (sigma * sigma);  // of twice the distance
  double sum = 0;
  for (size_t i = 0; i < middle; ++i) {
    const double distance = 2 * (static_cast<double>(i) - static_cast<double>(middle));
    sum += kernel[i] = std::exp(distance * distance * scale);
  }
  const double norm = 1 / (2 * sum + 1);
  for (size_t i = 0; i < middle; ++i) kernel[i] = kernel[size - 1 - i] = kernel[i] * norm;
  kernel[middle] = norm;
  return kernel;
}

Result<std::vector<uint8_t>> gaussian_blur(const RgbView& picture, double sigma, StopFlag stop) {
  BlurredRows<uint32_t, uint16_t, uint32_t> rows(picture, in_fixed_point(gaussian_kernel(sigma, 3)));
  std::vector<uint8_t> result(static_cast<size_t>(3 * picture.pixels()));
  uint8_t* to = result.data();
  for (int64_t y = 0; y < picture.height; ++y, to += 3 * picture.width) {
    if (stopped(stop)) return Status(Code::cancelled, "the blur was cancelled");
    const uint32_t* sums = rows.row(y);
    for (int64_t i = 0; i < 3 * picture.width; ++i) to[i] = static_cast<uint8_t>((sums[i] + (1u << 15)) >> 16);
  }
  return result;
}

int64_t mirrored(int64_t i, int64_t length) {
  if (length == 1) return 0;
  while (i < 0 || i >= length) i = i < 0 ? -i : 2 * length - 2 - i;
  return i;
}

}  // namespace ipa

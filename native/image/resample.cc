#include "image/resample.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace ipa {
namespace {

constexpr int precision = 32 - 8 - 2;  // fraction bits of Pillow's 8-bit resampling

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double lanczos(double x) {
  constexpr double pi = 3.14159265358979323846;
  auto sinc = [](double t) { return t == 0 ? 1.0 : std::sin(t * pi) / (t * pi); };
  return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

struct Kernel {
  double (*at)(double);
  double support;
};

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::bicubic: return {cubic, 2};
    case Filter::lanczos: return {lanczos, 3};
  }
  return {cubic, 2};
}

// For every output position, the first input position and its fixed-point weights.
struct Weights {
  int64_t taps = 0;
  std::vector<int64_t> first, count;
  std::vector<int32_t> weights;
};

Weights make_weights(int64_t in, int64_t out, const Kernel& kernel) {
  Weights w;
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double reach = kernel.support * filter_scale;
  w.taps = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  w.first.resize(static_cast<size_t>(out));
  w.count.resize(static_cast<size_t>(out));
  w.weights.assign(static_cast<size_t>(out * w.taps), 0);
  std::vector<double> row(static_cast<size_t>(w.taps));
  for (int64_t o = 0; o < out; ++o) {
    const double center = (static_cast<double>(o) + 0.5) * scale;
    const int64_t low = std::max<int64_t>(0, static_cast<int64_t>(center - reach + 0.5));
    const int64_t high = std::min<int64_t>(in, static_cast<int64_t>(center + reach + 0.5));
    double sum = 0;
    for (int64_t i = low; i < high; ++i) {
      const double value = kernel.at((static_cast<double>(i) - center + 0.5) / filter_scale);
      row[static_cast<size_t>(i - low)] = value;
      sum += value;
    }
    for (int64_t i = 0; i < high - low; ++i) {
      const double value = sum != 0 ? row[static_cast<size_t>(i)] / sum : row[static_cast<size_t>(i)];
      const double fixed = value * static_cast<double>(1 << precision);
      w.weights[static_cast<size_t>(o * w.taps + i)] = static_cast<int32_t>(fixed + (value < 0 ? -0.5 : 0.5));
    }
    w.first[static_cast<size_t>(o)] = low;
    w.count[static_cast<size_t>(o)] = high - low;
  }
  return w;
}

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> precision, 0, 255)); }

// One pass: `lines` lines of `out` positions; strides in bytes.
void resample(const uint8_t* in, uint8_t* to, const Weights& w, int64_t lines, int64_t out, int64_t in_line,
              int64_t in_step, int64_t out_line, int64_t out_step) {
  for (int64_t line = 0; line < lines; ++line)
    for (int64_t o = 0; o < out; ++o) {
      const int32_t* weights = w.weights.data() + o * w.taps;
      const uint8_t* from = in + line * in_line + w.first[static_cast<size_t>(o)] * in_step;
      int32_t r = 1 << (precision - 1), g = r, b = r;
      for (int64_t i = 0; i < w.count[static_cast<size_t>(o)]; ++i, from += in_step) {
        r += from[0] * weights[i];
        g += from[1] * weights[i];
        b += from[2] * weights[i];
      }
      uint8_t* pixel = to + line * out_line + o * out_step;
      pixel[0] = to_byte(r);
      pixel[1] = to_byte(g);
      pixel[2] = to_byte(b);
    }
}

struct Extent {
  int64_t from, to;
};

std::vector<uint8_t> resize_across(const uint8_t* rgb, Extent width, int64_t height, const Kernel& kernel) {
  std::vector<uint8_t> result(static_cast<size_t>(3 * width.to * height));
  resample(rgb, result.data(), make_weights(width.from, width.to, kernel), height, width.to, 3 * width.from, 3,
           3 * width.to, 3);
  return result;
}

std::vector<uint8_t> resize_down(const uint8_t* rgb, int64_t width, Extent height, const Kernel& kernel) {
  std::vector<uint8_t> result(static_cast<size_t>(3 * width * height.to));
  resample(rgb, result.data(), make_weights(height.from, height.to, kernel), width, height.to, 3, 3 * width, 3,
           3 * width);
  return result;
}

// Pillow 13 goes down first where that takes away more than twice as many rows as going across takes columns.
bool goes_down_first(Extent width, Extent height) {
  return height.to < height.from && height.from - height.to > 2 * (width.from - width.to);
}

std::vector<uint8_t> resize_both(const uint8_t* rgb, Extent width, Extent height, const Kernel& kernel) {
  if (width.from == width.to && height.from == height.to)
    return std::vector<uint8_t>(rgb, rgb + 3 * width.from * height.from);
  if (height.from == height.to) return resize_across(rgb, width, height.from, kernel);
  if (width.from == width.to) return resize_down(rgb, width.from, height, kernel);
  if (goes_down_first(width, height))
    return resize_across(resize_down(rgb, width.from, height, kernel).data(), width, height.to, kernel);
  return resize_down(resize_across(rgb, width, height.from, kernel).data(), width.to, height, kernel);
}

}  // namespace

Result<std::vector<uint8_t>> resize_picture(const uint8_t* rgb, int64_t width, int64_t height,
                                            int64_t new_width, int64_t new_height, Filter filter) {
  constexpr int64_t largest = 65536;
  for (int64_t side : {width, height, new_width, new_height})
    if (side < 1 || side > largest) return Status(Code::limit, "a picture's sides must be 1 to 65536 pixels");
  try {
    return resize_both(rgb, {width, new_width}, {height, new_height}, kernel_of(filter));
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while resizing a picture");
  }
}

}  // namespace ipa

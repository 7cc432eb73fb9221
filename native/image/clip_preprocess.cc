#include "image/clip_preprocess.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace ipa {
namespace {

constexpr double support = 2.0;        // of the cubic
constexpr int precision = 32 - 8 - 2;  // fraction bits of Pillow's 8-bit resampling

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// For every output position, the first input position and its fixed-point weights.
struct Weights {
  int64_t taps = 0;
  std::vector<int64_t> first, count;
  std::vector<int32_t> weights;
};

Weights make_weights(int64_t in, int64_t out) {
  Weights w;
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double reach = support * filter_scale;
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
      const double value = cubic((static_cast<double>(i) - center + 0.5) / filter_scale);
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

}  // namespace

Result<std::vector<uint8_t>> resize_bicubic(const uint8_t* rgb, int64_t width, int64_t height,
                                            int64_t new_width, int64_t new_height) {
  constexpr int64_t largest = 65536;
  for (int64_t side : {width, height, new_width, new_height})
    if (side < 1 || side > largest) return Status(Code::limit, "a picture's sides must be 1 to 65536 pixels");
  try {
    std::vector<uint8_t> across, result;
    const uint8_t* from = rgb;
    if (new_width != width) {
      across.resize(static_cast<size_t>(3 * new_width * height));
      resample(rgb, across.data(), make_weights(width, new_width), height, new_width, 3 * width, 3,
               3 * new_width, 3);
      from = across.data();
    }
    if (new_height == height)
      return from == rgb ? std::vector<uint8_t>(rgb, rgb + 3 * width * height) : std::move(across);
    result.resize(static_cast<size_t>(3 * new_width * new_height));
    resample(from, result.data(), make_weights(height, new_height), new_width, new_height, 3, 3 * new_width, 3,
             3 * new_width);
    return result;
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while resizing a picture");
  }
}

Result<std::vector<uint8_t>> clip_resize(const uint8_t* rgb, int64_t width, int64_t height, int64_t size) {
  if (width < 1 || height < 1 || size < 1) return Status(Code::limit, "a picture needs at least one pixel");
  const int64_t shorter = std::min(width, height), longer = std::max(width, height);
  const int64_t long_edge = size * longer / shorter;  // truncated
  const int64_t w = width <= height ? size : long_edge, h = width <= height ? long_edge : size;
  IPA_ASSIGN(const std::vector<uint8_t> resized, resize_bicubic(rgb, width, height, w, h));
  const int64_t left = (w - size) / 2, top = (h - size) / 2;
  std::vector<uint8_t> cropped(static_cast<size_t>(3 * size * size));
  for (int64_t y = 0; y < size; ++y) {
    const uint8_t* row = resized.data() + ((top + y) * w + left) * 3;
    std::copy(row, row + 3 * size, cropped.data() + y * size * 3);
  }
  return cropped;
}

}  // namespace ipa

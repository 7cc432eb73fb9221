#include "cpu/winograd.h"

#include <algorithm>
#include <vector>

namespace ipa {
namespace {

// Rows of G: (1, x, x^2) / f(x), where f(x) is the product of the distances to the other points; last
// infinity's.
constexpr float a = winograd_a, b = winograd_b, f0 = a * a * b * b, fa = 2 * a * a * (a * a - b * b),
                fb = 2 * b * b * (b * b - a * a);
constexpr float g2[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
constexpr float g4[6][3] = {{1 / f0, 0, 0},
                            {1 / fa, a / fa, a* a / fa},
                            {1 / fa, -a / fa, a* a / fa},
                            {1 / fb, b / fb, b* b / fb},
                            {1 / fb, -b / fb, b* b / fb},
                            {0, 0, 1}};

// G g G' of `width` filters at once; g: 9 rows of `width`, out: positions rows of `width`, `out_step` apart.
template <int P>
void transform(const float (&matrix)[P][3], int64_t width, const float* g, float* half, float* out,
               int64_t out_step) {
  for (int i = 0; i < P; ++i)
    for (int x = 0; x < 3; ++x)
      for (int64_t j = 0; j < width; ++j)
        half[(i * 3 + x) * width + j] = matrix[i][0] * g[x * width + j] +
                                        matrix[i][1] * g[(3 + x) * width + j] +
                                        matrix[i][2] * g[(6 + x) * width + j];
  for (int i = 0; i < P; ++i)
    for (int k = 0; k < P; ++k)
      for (int64_t j = 0; j < width; ++j)
        out[(i * P + k) * out_step + j] = matrix[k][0] * half[i * 3 * width + j] +
                                          matrix[k][1] * half[(i * 3 + 1) * width + j] +
                                          matrix[k][2] * half[(i * 3 + 2) * width + j];
}

}  // namespace

int winograd_outputs(const Param& param) {
  constexpr int64_t least_channels = 32;
  if (param.compute != Compute::f32 || param.same_3x3_pixels == 0 || param.shape[0] < least_channels ||
      param.shape[1] < least_channels)
    return 0;
  // F(4x4) makes four times the weights: for those that are few and have much to do.
  constexpr int64_t few_weights = 640 * 1280;
  if (param.same_3x3_pixels >= 32 * 32 && param.shape[0] * param.shape[1] <= few_weights) return 4;
  return param.same_3x3_pixels >= 16 * 16 ? 2 : 0;
}

int64_t winograd_packed_floats(const Param& param, int outputs, const PanelLayout& layout) {
  return layout.padded(param.shape[0]) * param.shape[1] * winograd_positions(outputs);
}

void winograd_pack(const Param& param, int outputs, const PanelLayout& layout, const float* weights,
                   float* out) {
  const int64_t columns = param.shape[0], in = param.shape[1];
  const int positions = winograd_positions(outputs);
  std::vector<float> g(static_cast<size_t>(9 * layout.panel)), half(static_cast<size_t>(18 * layout.panel));
  for (int64_t p = 0; p < layout.panels(columns); ++p) {
    const int64_t width = layout.width(columns, p), first = p * layout.panel;
    const int64_t filled = std::min(width, columns - first);
    std::fill(g.begin(), g.end(), 0.0f);
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t j = 0; j < filled; ++j) {
        const float* filter = weights + ((first + j) * in + i) * 9;
        for (int64_t tap = 0; tap < 9; ++tap) g[static_cast<size_t>(tap * width + j)] = filter[tap];
      }
      if (outputs == 4)
        transform(g4, width, g.data(), half.data(), out + i * width, in * width);
      else
        transform(g2, width, g.data(), half.data(), out + i * width, in * width);
    }
    out += positions * in * width;
  }
}

}  // namespace ipa

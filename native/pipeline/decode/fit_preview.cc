#include "pipeline/decode/fit_preview.h"

#include <cmath>
#include <utility>

#include "pipeline/decode/plan_decoder.h"
#include "schedulers/torch_noise.h"

namespace ipa {
namespace {

// The factors of ComfyUI's latent_formats.py, of RGB from -1 to 1.
struct Published {
  double scaling_factor;
  float rows[5][3];
};
constexpr Published published[] = {
    {0.18215,  // Stable Diffusion 1.x and 2.x
     {{0.3512f, 0.2297f, 0.3227f},
      {0.3250f, 0.4974f, 0.2350f},
      {-0.2829f, 0.1762f, 0.2721f},
      {-0.2120f, -0.2616f, -0.7177f},
      {0, 0, 0}}},
    {0.13025,  // SDXL
     {{0.3651f, 0.4232f, 0.4341f},
      {-0.2533f, -0.0042f, 0.1068f},
      {0.1076f, 0.1111f, -0.0362f},
      {-0.3165f, -0.2492f, -0.2188f},
      {0.1084f, -0.0175f, -0.0011f}}},
};

const Published* published_for(const VaeConfig& config) {
  if (config.tiny || config.latent_channels != 4 || !config.latents_mean.empty()) return nullptr;
  for (const Published& p : published)
    if (std::fabs(config.scaling_factor - p.scaling_factor) < 1e-6) return &p;
  return nullptr;
}

// Solves a x = b for three right-hand sides, a symmetric and positive definite; the result lies in b.
void solve(std::vector<std::vector<double>>& a, std::vector<std::array<double, 3>>& b) {
  const size_t n = a.size();
  for (size_t k = 0; k < n; ++k)
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      for (size_t c = 0; c < 3; ++c) b[i][c] -= factor * b[k][c];
    }
  for (size_t k = n; k-- > 0;)
    for (size_t c = 0; c < 3; ++c) {
      for (size_t j = k + 1; j < n; ++j) b[k][c] -= a[k][j] * b[j][c];
      b[k][c] /= a[k][k];
    }
}

// Latents of unit variance in flat patches: a decoder sees in single, unrelated latents what no picture has,
// and a fit to such would be poor (correlation with pictures 0.86 on the shipped model, with patches 0.94,
// with latents of pictures themselves 0.95).
Result<LinearPreview> fit(const Call& call) {
  constexpr int64_t side = 16, patch = 4, patches = (side / patch) * (side / patch);
  constexpr int pictures = 4;
  const VaeConfig& config = call.models.vae->config();
  const int64_t scale = config.scale(), wide = side * scale;
  const auto channels = static_cast<size_t>(config.latent_channels), n = channels + 1;
  Workspace workspace(&call.caches.arenas, call.workspace.turn());
  IPA_ASSIGN(const std::unique_ptr<Decoder> decoder, plan_decoder(call.models, side, side, 0, Wrap()));
  IPA_TRY(decoder->prepare(workspace));
  // Keeps the sums solvable when a decoder ignores a channel.
  std::vector<std::vector<double>> a(n, std::vector<double>(n, 0.0));
  for (size_t i = 0; i < n; ++i) a[i][i] = 1e-3;
  std::vector<std::array<double, 3>> b(n, {0, 0, 0});
  TorchNoise noise(0);
  std::vector<float> values(channels * patches), latents(channels * side * side);
  std::vector<double> x(n, 1.0);
  for (int picture = 0; picture < pictures; ++picture) {
    noise.fill(values.data(), values.size());
    auto value = [&](size_t channel, int64_t row, int64_t column) {
      return values[channel * patches + static_cast<size_t>(row / patch * (side / patch) + column / patch)];
    };
    for (size_t c = 0; c < channels; ++c)
      for (int64_t p = 0; p < side * side; ++p)
        latents[c * side * side + static_cast<size_t>(p)] = value(c, p / side, p % side);
    IPA_ASSIGN(const std::vector<uint8_t> rgb, decoder->decode(latents.data(), nullptr, call.cancel));
    for (int64_t row = 0; row < side; ++row)
      for (int64_t column = 0; column < side; ++column) {
        std::array<double, 3> mean = {0, 0, 0};
        for (int64_t i = 0; i < scale * scale; ++i)
          for (size_t c = 0; c < 3; ++c)
            mean[c] +=
                rgb[static_cast<size_t>(3 * ((row * scale + i / scale) * wide + column * scale + i % scale)) +
                    c];
        for (size_t c = 0; c < channels; ++c) x[c] = static_cast<double>(value(c, row, column));
        for (size_t i = 0; i < n; ++i) {
          for (size_t j = 0; j < n; ++j) a[i][j] += x[i] * x[j];
          for (size_t c = 0; c < 3; ++c)
            b[i][c] += x[i] * mean[c] / (255.0 * static_cast<double>(scale * scale));
        }
      }
  }
  solve(a, b);
  LinearPreview::Rows rows;
  for (const auto& row : b)
    rows.push_back({static_cast<float>(row[0]), static_cast<float>(row[1]), static_cast<float>(row[2])});
  return LinearPreview(std::move(rows));
}

}  // namespace

Result<LinearPreview> make_linear_preview(const Call& call) {
  const Published* known = published_for(call.models.vae->config());
  if (!known) return fit(call);
  LinearPreview::Rows rows;
  for (const auto& row : known->rows) rows.push_back({row[0] / 2, row[1] / 2, row[2] / 2});
  for (float& constant : rows.back()) constant += 0.5f;
  return LinearPreview(std::move(rows));
}

}  // namespace ipa

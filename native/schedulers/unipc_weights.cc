#include "schedulers/unipc_weights.h"

#include <algorithm>
#include <utility>

namespace ipa {
namespace {

using Row = std::array<double, kUniPcMaxOrder + 1>;  // coefficients, then the right side
using System = std::array<Row, kUniPcMaxOrder>;

// Gaussian elimination with partial pivoting; the solution is left in the right side.
void solve(System& system, int size) {
  const size_t n = static_cast<size_t>(size);
  for (size_t column = 0; column < n; ++column) {
    size_t pivot = column;
    for (size_t row = column + 1; row < n; ++row) {
      if (std::fabs(system[row][column]) > std::fabs(system[pivot][column])) pivot = row;
    }
    std::swap(system[column], system[pivot]);
    for (size_t row = 0; row < n; ++row) {
      if (row == column) continue;
      const double factor = system[row][column] / system[column][column];
      for (size_t i = column; i < n; ++i) system[row][i] -= factor * system[column][i];
      system[row][kUniPcMaxOrder] -= factor * system[column][kUniPcMaxOrder];
    }
  }
  for (size_t row = 0; row < n; ++row) system[row][kUniPcMaxOrder] /= system[row][row];
}

}  // namespace

UniPcWeights unipc_weights(const std::vector<NoiseLevel>& levels, int step, int order, bool corrector,
                           bool clean, bool bh2) {
  const NoiseLevel& t = levels[static_cast<size_t>(step) + 1];
  const NoiseLevel& s = levels[static_cast<size_t>(step)];
  const float h = t.lambda - s.lambda;
  const float hh = clean ? -h : h;
  const float phi_1 = expm1_f32(hh);
  const float b_h = bh2 ? phi_1 : hh;
  UniPcWeights w;
  w.sample = clean ? t.sigma / s.sigma : t.alpha / s.alpha;
  w.output = (clean ? t.alpha : t.sigma) * phi_1;
  w.slope = (clean ? t.alpha : t.sigma) * b_h;
  for (int k = 1; k < order; ++k) {
    w.r[static_cast<size_t>(k - 1)] = (levels[static_cast<size_t>(step - k)].lambda - s.lambda) / h;
  }

  // Small orders are fixed: the solution would be 1/2 but for rounding (predictor) or is chosen so (corrector).
  const int unknowns = corrector ? order : order - 1;
  if (unknowns == 0) return w;
  if (unknowns == 1) {
    w.rho[0] = 0.5f;
    return w;
  }
  // sum_k r_k^(i-1) rho_k = phi_(i+1) i! / B(h), with r = 1 for the new output of the corrector.
  System system{};
  std::array<float, kUniPcMaxOrder> power;
  power.fill(1.0f);
  float phi = phi_1 / hh - 1.0f;
  double factorial = 1;
  for (int i = 0; i < unknowns; ++i) {
    Row& row = system[static_cast<size_t>(i)];
    for (int k = 0; k < unknowns; ++k) {
      const size_t slot = static_cast<size_t>(k);
      row[slot] = power[slot];
      power[slot] *= k == order - 1 ? 1.0f : w.r[slot];
    }
    row[kUniPcMaxOrder] = phi * static_cast<float>(factorial) / b_h;
    factorial *= i + 2;
    phi = phi / hh - static_cast<float>(1.0 / factorial);
  }
  solve(system, unknowns);
  for (int k = 0; k < unknowns; ++k) {
    w.rho[static_cast<size_t>(k)] = static_cast<float>(system[static_cast<size_t>(k)][kUniPcMaxOrder]);
  }
  return w;
}

}  // namespace ipa

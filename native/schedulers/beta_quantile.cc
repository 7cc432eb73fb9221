#include "schedulers/beta_quantile.h"

#include <cmath>

namespace ipa {
namespace {

// Continued fraction of the incomplete beta function (NIST DLMF 8.17.22), by Lentz's method.
double continued_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300, kPrecision = 1e-16;
  const auto nonzero = [](double value) { return std::fabs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / nonzero(1 - (a + b) * x / (a + 1)), result = d;
  for (int m = 1; m < 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonzero(1 + even * d);
    c = nonzero(1 + even / c);
    result *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonzero(1 + odd * d);
    c = nonzero(1 + odd / c);
    result *= d * c;
    if (std::fabs(d * c - 1) < kPrecision) break;
  }
  return result;
}

// The regularised incomplete beta function I_x(a, b). The fraction converges fast below the mean;
// above it the symmetry I_x(a, b) = 1 - I_{1-x}(b, a) is used.
double cumulative(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * continued_fraction(x, a, b) / a;
  return 1 - front * continued_fraction(1 - x, b, a) / b;
}

}  // namespace

double beta_quantile(double probability, double a, double b) {
  if (!(probability > 0)) return 0;
  if (!(probability < 1)) return 1;
  double low = 0, high = 1;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (cumulative(middle, a, b) < probability ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace ipa

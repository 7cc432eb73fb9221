// The inverse of the beta distribution's cumulative distribution function.
#pragma once

namespace ipa {

// x in [0, 1] with P(X <= x) = probability for X ~ Beta(a, b); a and b positive. Accurate to about 1e-14.
double beta_quantile(double probability, double a, double b);

}  // namespace ipa

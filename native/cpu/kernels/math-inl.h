// Elementary functions on vectors.
// Polynomials are least-squares fits at Chebyshev nodes, their errors stated beside them.

// 2^f for |f| <= 1/2: relative error 2e-8 before rounding.
inline V exp2_fraction(V f) {
  V p = set1(1.5337576e-4f);
  p = fma(p, f, set1(1.3399860e-3f));
  p = fma(p, f, set1(9.6185198e-3f));
  p = fma(p, f, set1(5.5503290e-2f));
  p = fma(p, f, set1(2.4022646e-1f));
  p = fma(p, f, set1(6.9314718e-1f));
  return fma(p, f, set1(1.0f));
}

// e^x, clamped to the range of normal floats.
inline V exp(V x) {
  x = min(max(x, set1(-87.0f)), set1(88.0f));
  const V n = round_even(mul(x, set1(1.44269504f)));
  // ln 2 in two parts keeps the remainder exact.
  V r = fma(n, set1(-6.93145752e-1f), x);
  r = fma(n, set1(-1.42860677e-6f), r);
  return scale2(exp2_fraction(mul(r, set1(1.44269504f))), n);
}

// erf(x): absolute error 7e-8.
inline V erf(V x) {
  const V a = min(abs(x), set1(4.0f));
  const V u = mul(a, a);
  V p = set1(7.8472593e-5f);
  p = fma(p, u, set1(-8.0081890e-4f));
  p = fma(p, u, set1(5.1880991e-3f));
  p = fma(p, u, set1(-2.6853692e-2f));
  p = fma(p, u, set1(1.1283582e-1f));
  p = fma(p, u, set1(-3.7612626e-1f));
  p = fma(p, u, set1(1.1283791f));
  const V small = mul(a, p);
  // 1 - e^-g(a), g fitted to -ln erfc on [0.92, 4.1].
  V g = set1(-1.6018818e-6f);
  g = fma(g, a, set1(4.5375120e-5f));
  g = fma(g, a, set1(-5.9116108e-4f));
  g = fma(g, a, set1(4.7336253e-3f));
  g = fma(g, a, set1(-2.6348494e-2f));
  g = fma(g, a, set1(1.0995379e-1f));
  g = fma(g, a, set1(6.3195914e-1f));
  g = fma(g, a, set1(1.1301558f));
  g = fma(g, a, set1(-3.0096563e-4f));
  const V large = sub(set1(1.0f), exp(sub(set1(0.0f), g)));
  return copy_sign(select_less(a, set1(1.0f), small, large), x);
}

// tanh(x): relative error 1e-8 below 0.65 before rounding, from e^2x above.
inline V tanh(V x) {
  const V a = abs(x);
  const V u = mul(x, x);
  V p = set1(-5.4597394e-3f);
  p = fma(p, u, set1(2.0406127e-2f));
  p = fma(p, u, set1(-5.3661902e-2f));
  p = fma(p, u, set1(1.3330364e-1f));
  p = fma(p, u, set1(-3.3333227e-1f));
  const V small = fma(mul(p, u), a, a);
  const V large = sub(set1(1.0f), div(set1(2.0f), add(exp(add(a, a)), set1(1.0f))));
  return copy_sign(select_less(a, set1(0.65f), small, large), x);
}

inline V sigmoid(V x) { return div(set1(1.0f), add(set1(1.0f), exp(sub(set1(0.0f), x)))); }
inline V silu(V x) { return div(x, add(set1(1.0f), exp(sub(set1(0.0f), x)))); }
inline V gelu(V x) {
  const V half = mul(x, set1(0.5f));
  return fma(half, erf(mul(x, set1(0.70710678f))), half);
}
inline V gelu_tanh(V x) {
  const V cube = mul(mul(x, x), x);
  const V u = mul(set1(0.79788456f), fma(set1(0.044715f), cube, x));
  return mul(x, sigmoid(add(u, u)));  // (1 + tanh u) / 2 = sigmoid(2u)
}
inline V quick_gelu(V x) { return mul(x, sigmoid(mul(x, set1(1.702f)))); }

inline V activate_vector(Activation activation, V x) {
  switch (activation) {
    case Activation::silu: return silu(x);
    case Activation::gelu: return gelu(x);
    case Activation::gelu_tanh: return gelu_tanh(x);
    case Activation::quick_gelu: return quick_gelu(x);
    case Activation::relu: return max(x, set1(0.0f));
    case Activation::soft_clamp_3: return mul(tanh(mul(x, set1(1.0f / 3.0f))), set1(3.0f));
    case Activation::unit_to_signed: return fma(x, set1(2.0f), set1(-1.0f));
    case Activation::none: break;
  }
  return x;
}

// Of the magnitudes.
template <class X>
float largest_of(const X* x, int64_t count) {
  V largest = set1(0.0f);
  int64_t i = 0;
  for (; i + L <= count; i += L) largest = max(largest, abs(load(x + i)));
  if (i < count) largest = max(largest, abs(load_part(x + i, static_cast<int>(count - i))));
  return reduce_max(largest);
}

// How numbers of at most `largest` become whole ones of at most `limit`: x is about scale * round(x * factor).
// Zeros, and numbers too small to divide by, become zeros.
struct Rounding {
  float scale, factor;
};
inline Rounding rounding_to(float limit, float largest) {
  if (!(largest > 1e-30f)) return {0.0f, 0.0f};
  return {largest / limit, limit / largest};
}

// The activations of graph/types.h, as exact as f32 allows.
#pragma once

#include <cmath>

#include "cuda/kernels/device.cuh"

namespace ipa::gpu {

DEV float sigmoid_of(float x) { return 1.0f / (1.0f + expf(-x)); }
DEV float silu(float x) { return x / (1.0f + expf(-x)); }
DEV float gelu(float x) {
  const float half = 0.5f * x;
  return fmaf(half, erff(x * 0.70710678f), half);
}
DEV float gelu_tanh(float x) {
  const float u = 0.79788456f * fmaf(0.044715f, x * x * x, x);
  return x * sigmoid_of(2.0f * u);  // (1 + tanh u) / 2 = sigmoid(2u)
}
DEV float quick_gelu(float x) { return x * sigmoid_of(1.702f * x); }

// Each of them; a kind is the same for all threads.
template <int count>
DEV void activate(Activation kind, float (&v)[count]) {
  const auto each = [&](auto function) {
#pragma unroll
    for (int i = 0; i < count; ++i) v[i] = function(v[i]);
  };
  switch (kind) {
    case Activation::none: break;
    case Activation::silu: each([](float x) { return silu(x); }); break;
    case Activation::gelu: each([](float x) { return gelu(x); }); break;
    case Activation::gelu_tanh: each([](float x) { return gelu_tanh(x); }); break;
    case Activation::quick_gelu: each([](float x) { return quick_gelu(x); }); break;
    case Activation::relu: each([](float x) { return fmaxf(x, 0.0f); }); break;
    case Activation::soft_clamp_3: each([](float x) { return 3.0f * tanhf(x * (1.0f / 3.0f)); }); break;
    case Activation::unit_to_signed: each([](float x) { return fmaf(x, 2.0f, -1.0f); }); break;
  }
}

DEV float activate(Activation kind, float x) {
  float v[1] = {x};
  activate(kind, v);
  return v[0];
}

}  // namespace ipa::gpu

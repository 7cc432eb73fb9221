// Activations value by value, and add in all its forms of broadcast.
#include <cmath>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Activation;
using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::same_bits;
using ipa_test::to_string;

constexpr Activation kinds[] = {Activation::silu,          Activation::gelu, Activation::gelu_tanh,
                                Activation::quick_gelu,    Activation::relu, Activation::soft_clamp_3,
                                Activation::unit_to_signed};

std::vector<float> interesting_numbers() {
  std::vector<float> x = {0.0f,  -0.0f,  100.0f, -100.0f, 1e-20f,     -1e-20f,
                          1e30f, -1e30f, 1e-38f, 0.92f,   1.4142135f, -1.4142135f};
  for (int i = -2400; i <= 2400; ++i) x.push_back(static_cast<float>(i) * 0.005f);
  for (int i = -200; i <= 200; ++i) x.push_back(static_cast<float>(i) * 0.5f + 0.123f);
  for (float small = 1e-18f; small < 1; small *= 3.7f) {
    x.push_back(small);
    x.push_back(-small);
  }
  return x;
}

// What the device rounds the numbers to, without those that become infinite.
std::vector<float> numbers_of_the_device() {
  std::vector<float> numbers;
  for (const float number : interesting_numbers()) {
    const float rounded = ipa_test::test_device().rounded(number);
    if (std::isfinite(rounded)) numbers.push_back(rounded);
  }
  return numbers;
}

// `kept`: as a value between two steps, which a GPU may keep in 16 bits. Then half of a last place is added to what is
// allowed, of the smallest numbers the same as of the smallest normal one; and what is too large is infinite.
void check_activation(Activation kind, float x, float got, bool kept) {
  const ipa_test::TestDevice& device = ipa_test::test_device();
  const double exact = ipa_ref::activation(kind, static_cast<double>(x));
  // Near 0 an activation is close to x / 2: there the error counts against the value itself.
  double allowed = 4e-7 * (std::fabs(x) < 0.1f ? std::fabs(exact) : std::fmax(1, std::fabs(exact))) + 1e-44;
  if (kept) {
    const double smallest_normal =
        device.compute == ipa::Compute::f16 ? std::ldexp(1.0, -14) : std::ldexp(1.0, -126);
    allowed += device.rounding() * std::fmax(std::fabs(exact), smallest_normal);
  }
  const float infinite = kept ? device.rounded(static_cast<float>(exact)) : 0;
  const bool good =
      std::isinf(infinite) ? got == infinite : std::fabs(static_cast<double>(got) - exact) <= allowed;
  if (!good)
    ipa_test::fail(__FILE__, __LINE__,
                   "activation " + std::to_string(static_cast<int>(kind)) + " of " + std::to_string(x) + " = " +
                       std::to_string(got) + ", exactly " + std::to_string(exact) + (kept ? ", kept" : ""));
}

TEST(ops_activation_is_accurate_everywhere) {
  const std::vector<float> numbers = numbers_of_the_device();
  for (Activation kind : kinds) {
    GraphRig rig(1);
    const Shape shape = {1, 1, 1, static_cast<int64_t>(numbers.size())};
    const Value x = rig.input(shape), zeros = rig.input(shape, 0, 0);
    const Value y = rig.output(rig.graph.activate(x, kind));
    const Value kept = rig.output(rig.graph.add(rig.graph.activate(x, kind), zeros));
    rig.floats(x) = numbers;
    if (!rig.build() || !rig.run()) continue;
    const std::vector<float> results = rig.result(y), kept_results = rig.result(kept);
    for (size_t i = 0; i < numbers.size(); ++i) {
      check_activation(kind, numbers[i], results[i], false);
      check_activation(kind, numbers[i], kept_results[i], true);
    }
  }
}

TEST(ops_activation_over_shapes) {
  for (Activation kind : kinds) {
    for (int64_t channels : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100}) {
      GraphRig rig(static_cast<uint64_t>(channels));
      rig.output(rig.graph.activate(rig.input({2, 3, 2, channels}, -6, 6), kind));
      rig.check("activation over " + std::to_string(channels));
    }
    GraphRig rig(2);
    rig.output(rig.graph.activate(rig.input({1, 37, 41, 45}, -6, 6), kind));
    rig.output(rig.graph.activate(rig.graph.slice_channels(rig.input({3, 5, 7, 45}, -6, 6), 8, 19), kind));
    rig.check("activation of a picture and of a slice");
  }
}

TEST(ops_add_broadcasts) {
  const Shape large = {3, 5, 7, 21};
  for (const Shape& other : {Shape{3, 5, 7, 21}, Shape{1, 5, 7, 21}, Shape{3, 1, 1, 21}, Shape{1, 1, 1, 21}}) {
    GraphRig rig(3);
    rig.output(rig.graph.add(rig.input(large), rig.input(other)));
    rig.check("add " + to_string(other));
    CHECK_EQ(rig.steps(), 1);
  }
  for (int64_t n = 1; n <= 3; ++n) {
    GraphRig rig(4);
    rig.output(rig.graph.add(rig.input({n, 1, 1, 9}), rig.input({1, 1, 1, 9})));
    rig.output(rig.graph.add(rig.input({n, 1, 17, 1}), rig.input({1, 1, 17, 1})));
    rig.check("add of vectors, batch " + std::to_string(n));
  }
  GraphRig many(5);
  many.output(many.graph.add(many.input({2, 40, 30, 33}), many.input({1, 40, 30, 33})));
  many.output(many.graph.add(many.input({2, 40, 30, 33}), many.input({2, 1, 1, 33})));
  many.check("add of pictures");
}

TEST(ops_add_of_slices) {
  GraphRig rig(6);
  const Value a = rig.input({2, 4, 6, 50}), b = rig.input({2, 1, 1, 70});
  const Value x = rig.graph.slice_channels(a, 1, 20), y = rig.graph.slice_channels(a, 25, 20);
  rig.output(rig.graph.add(x, y));
  rig.output(rig.graph.add(x, rig.graph.slice_channels(b, 33, 20)));
  rig.output(rig.graph.add(x, x));
  rig.check("add of slices");
}

TEST(ops_activate_none_is_no_step) {
  GraphRig rig(7);
  const Value x = rig.input({1, 2, 3, 4});
  CHECK_EQ(rig.graph.activate(x, Activation::none).id, x.id);
}

}  // namespace

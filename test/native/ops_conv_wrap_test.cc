// conv2d whose padding comes from the opposite edge, on every path that a convolution can take,
// against the f64 reference, which lays the padding around the picture and convolves without any.
#include <algorithm>

#include "amx_emulated.h"
#include "cpu/isa/cpu_features.h"
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Conv;
using ipa::Shape;
using ipa::Value;
using ipa::Wrap;
using ipa_test::GraphRig;
using ipa_test::to_string;

constexpr Wrap wraps[] = {{true, false}, {false, true}, {true, true}};

// What 16 bits, bf16, and eight bits of weights cost; 3x3 convolutions of 32 channels and more go through Winograd's algorithm.
struct Type {
  Compute compute;
  const char* name;
  double direct, winograd;
};
constexpr Type types[] = {{Compute::f32, "f32", ipa_test::tolerance, 4 * ipa_test::tolerance},
                          {Compute::bf16, "bf16", 6e-3, 4e-2},
                          {Compute::int16, "int16", 5e-4, 3e-3},
                          {Compute::int8_weights, "int8 weights", 8e-3, 8e-3},
                          {Compute::int8, "int8", ipa_test::tolerance, ipa_test::tolerance}};

std::string name_of(const Type& type, Wrap wrap, const Shape& shape) {
  return std::string(type.name) + " wrapped in" + (wrap.x ? " x" : "") + (wrap.y ? " y" : "") + ", " +
         to_string(shape);
}

void check_wrapped(const Type& type, Wrap wrap, Shape shape, int64_t out, Conv conv = {}, bool halves = false) {
  GraphRig rig(static_cast<uint64_t>(shape.elements() * 7 + out));
  rig.graph.set_wrap(wrap);
  rig.output(rig.graph.conv2d(rig.input(shape), "a", out, conv));
  rig.use(type.compute);
  if (halves) {
    rig.round_weights();
    rig.use_halves();
  }
  const bool large = shape.c >= 32 && conv.same_3x3();
  rig.check(name_of(type, wrap, shape), large ? type.winograd : type.direct);
}

TEST(ops_conv2d_wrapped_direct) {
  for (const Type& type : types)
    for (const Wrap wrap : wraps) {
      // On one pixel every tap falls on it.
      for (int64_t h : {1, 2, 5})
        for (int64_t w : {1, 3, 17}) check_wrapped(type, wrap, {2, h, w, 5}, 9);
      check_wrapped(type, wrap, {2, 7, 9, 66}, 70, {3, 3, 2, 1, 1, 1, 1});
      check_wrapped(type, wrap, {1, 8, 6, 33}, 40, {3, 3, 2, 1, 1, 1, 1});
      check_wrapped(type, wrap, {2, 6, 7, 9}, 21, {5, 3, 1, 2, 1, 2, 1});
      check_wrapped(type, wrap, {1, 3, 2, 4}, 21, {7, 7, 1, 3, 3, 3, 3});
    }
}

TEST(ops_conv2d_wrapped_large) {
  // Whole tiles and ones cut at both edges, in the sizes that choose tiles of two and of four; parts, panels.
  for (const Type& type : types)
    for (const Wrap wrap : wraps)
      for (const auto& [h, w] :
           {std::pair<int64_t, int64_t>{4, 4}, {9, 7}, {18, 14}, {16, 16}, {33, 35}, {1, 130}, {34, 2}})
        check_wrapped(type, wrap, {2, h, w, h == 9 ? 33 : 40}, 70);
}

TEST(ops_conv2d_wrapped_weights_in_halves) {
  for (const Wrap wrap : wraps)
    for (int64_t in : {7, 40})
      for (int64_t side : {3, 9, 33}) check_wrapped(types[0], wrap, {2, side, side + 1, in}, 70, {}, true);
}

TEST(ops_conv2d_wrapped_enlargement) {
  // The padding is that of the enlarged picture, which never exists.
  for (const Type& type : types)
    for (const Wrap wrap : wraps)
      for (int64_t side : {3, 8, 17})
        for (int64_t channels : {6, 36}) {
          GraphRig rig(static_cast<uint64_t>(side));
          rig.graph.set_wrap(wrap);
          const Value source = rig.input({2, side, side + 2, channels});
          rig.output(rig.graph.conv2d(rig.graph.upsample(source, 2 * side, 2 * side + 3), "a", 40));
          rig.use(type.compute);
          rig.check(name_of(type, wrap, rig.graph.shape(source)) + " enlarged",
                    channels >= 32 ? type.winograd : type.direct);
          CHECK_EQ(rig.steps(), 1);
        }
}

TEST(ops_conv2d_wrapped_slice_and_epilogue) {
  for (const Type& type : types) {
    GraphRig rig(4);
    rig.graph.set_wrap({true, true});
    const Value x = rig.graph.slice_channels(rig.input({2, 10, 12, 40}), 3, 34);
    const Value time = rig.input({2, 1, 1, 50});
    const Value residual = rig.input({2, 10, 12, 50});
    const Value y = rig.graph.silu(rig.graph.add(rig.graph.conv2d(x, "a", 50), time));
    rig.output(rig.graph.add(y, residual));
    rig.use(type.compute);
    rig.check(std::string(type.name) + " epilogue", type.winograd);
    CHECK_EQ(rig.steps(), 1);
  }
}

// The autoencoder's downsampler pads below and to the right only, which PyTorch's convolutions cannot do themselves.
TEST(ops_conv2d_one_sided_padding_does_not_wrap) {
  GraphRig rig(5);
  rig.graph.set_wrap({true, true});
  const Value x = rig.input({1, 8, 9, 20});
  const Value wrapped = rig.output(rig.graph.conv2d(x, "a", 30, {3, 3, 2, 0, 0, 1, 1}));
  rig.graph.set_wrap({});
  const Value plain = rig.output(rig.graph.conv2d(x, "a", 30, {3, 3, 2, 0, 0, 1, 1}));
  rig.check("padding on one side");
  CHECK(ipa_test::same_bits(rig.result(wrapped), rig.result(plain)));
}

// Each axis alone: that padding wraps in x says nothing of y.
TEST(ops_conv2d_wraps_from_now_on) {
  GraphRig rig(6);
  const Value x = rig.input({1, 6, 7, 40});
  const Value before = rig.output(rig.graph.conv2d(x, "a", 40));
  rig.graph.set_wrap({true, false});
  const Value wrapped = rig.output(rig.graph.conv2d(x, "a", 40));
  rig.graph.set_wrap({});
  const Value after = rig.output(rig.graph.conv2d(x, "a", 40));
  rig.check("in turn", types[0].winograd);
  CHECK(ipa_test::same_bits(rig.result(before), rig.result(after)));
  CHECK(!ipa_test::same_bits(rig.result(before), rig.result(wrapped)));
}

#if defined(__x86_64__) || defined(_M_X64)
TEST(ops_amx_conv2d_wrapped) {
  ON_CPU_ALONE("kernels of a CPU");
  const std::vector<const ipa::Kernels*> runnable = ipa::runnable_kernels();
  const bool can_run = std::any_of(runnable.begin(), runnable.end(), [](const ipa::Kernels* kernels) {
    return std::string(kernels->isa) == "avx512";
  });
  if (!can_run) return;
  for (const Wrap wrap : wraps)
    for (int64_t in : {32, 66, 128})
      for (const int stride : {1, 2}) {
        GraphRig rig(static_cast<uint64_t>(in), ipa::kernels_amx_emulated);
        rig.graph.set_wrap(wrap);
        rig.output(rig.graph.conv2d(rig.input({2, 33, 36, in}), "a", 70, {3, 3, stride, 1, 1, 1, 1}));
        rig.use(Compute::bf16);
        rig.check("tiles, wrapped convolution of " + std::to_string(in),
                  stride == 1 ? types[1].winograd : types[1].direct);
      }
}
#endif

}  // namespace

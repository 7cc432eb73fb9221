// Products of bf16 on tiles, the tiles being emulated, against the exact f64 reference: whole tiles,
// and every kind of rest. Does nothing on machines without AVX-512, which the kernels around the tiles need.
#include <cstring>

#include "amx_emulated.h"
#include "cpu/isa/cpu_features.h"
#include "graph_rig.h"
#include "harness.h"

#if defined(__x86_64__) || defined(_M_X64)
namespace {

using ipa::Compute;
using ipa::Conv;
using ipa::Value;
using ipa_test::GraphRig;

constexpr double rounding = 6e-3, winograd_rounding = 4e-2, attention_rounding = 1.5e-2;

bool can_run() {
  for (const ipa::Kernels* kernels : ipa::runnable_kernels())
    if (!std::strcmp(kernels->isa, "avx512")) return true;
  return false;
}

TEST(ops_amx_linear) {
  ON_CPU_ALONE("kernels of a CPU");
  if (!can_run()) return;
  // Tiles of 16 rows, 16 pairs and 16 columns; panels of 64.
  for (int64_t in : {16, 32, 34, 64, 129, 2080})
    for (int64_t out : {16, 40, 64, 130})
      for (int64_t rows : {7, 16, 33, 100}) {
        GraphRig rig(static_cast<uint64_t>(in * 1000 + out + rows), ipa::kernels_amx_emulated);
        rig.output(rig.graph.linear(rig.input({1, 1, rows, in}, -2, 3), "a", out));
        rig.use(Compute::bf16);
        rig.check("tiles, " + std::to_string(rows) + "x" + std::to_string(in) + " -> " + std::to_string(out),
                  rounding);
      }
}

TEST(ops_amx_conv2d) {
  ON_CPU_ALONE("kernels of a CPU");
  if (!can_run()) return;
  // Direct ones gather their rows; Winograd's rows lie evenly.
  for (int64_t in : {32, 66, 128}) {
    GraphRig rig(static_cast<uint64_t>(in), ipa::kernels_amx_emulated);
    const Value x = rig.input({2, 17, 18, in});
    rig.output(rig.graph.conv2d(x, "a", 70, Conv{3, 3, 2, 1, 1, 1, 1}));
    rig.use(Compute::bf16);
    rig.check("tiles, convolution of " + std::to_string(in), rounding);
    GraphRig winograd(static_cast<uint64_t>(in), ipa::kernels_amx_emulated);
    winograd.output(winograd.graph.conv2d(winograd.input({2, 33, 36, in}), "a", 70));
    winograd.use(Compute::bf16);
    winograd.check("tiles, winograd of " + std::to_string(in), winograd_rounding);
  }
}

TEST(ops_amx_attention) {
  ON_CPU_ALONE("kernels of a CPU");
  if (!can_run()) return;
  for (int head_size : {40, 64, 80, 160})
    for (int64_t tokens : {5, 64, 77, 529}) {
      GraphRig rig(static_cast<uint64_t>(tokens + head_size), ipa::kernels_amx_emulated);
      const int64_t channels = int64_t{2} * head_size;
      const Value q = rig.input({1, 1, 37, channels}, -2, 2);
      const Value k = rig.input({1, 1, tokens, channels}, -2, 2), v = rig.input({1, 1, tokens, channels});
      rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, 2, Compute::bf16)));
      rig.check("tiles, attention of " + std::to_string(head_size) + " over " + std::to_string(tokens),
                attention_rounding);
    }
}

}  // namespace
#endif

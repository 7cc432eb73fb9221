// Which values a plan keeps in bf16, and that what is computed with them stays right.
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Op;
using ipa::Step;
using ipa::Storage;
using ipa::Value;
using ipa_test::GraphRig;

Storage storage_of(GraphRig& rig, Op op) {
  for (const Step& step : rig.program().plan().steps())
    if (step.node->op == op) return step.out_storage;
  CHECK(false);
  return Storage::f32;
}

// What only products in bf16 read loses nothing by being kept so:
// the same bits as with the value an output, which stays f32 and is rounded by its reader.
TEST(graph_storage_rounds_early_what_is_rounded_anyway) {
  ON_CPU_ALONE("a GPU keeps all values between steps in one type");
  auto describe = [](GraphRig& rig) {
    const Value x = rig.input({2, 6, 7, 64});
    const Value normed = rig.graph.layer_norm(x, "norm", 1e-5f);
    const Value y = rig.output(rig.graph.linear(normed, "a", 40));
    rig.use(Compute::bf16);
    return std::pair<Value, Value>(normed, y);
  };
  GraphRig kept(1), rounded(1);
  const auto [kept_normed, kept_y] = describe(kept);
  const Value y = describe(rounded).second;
  kept.output(kept_normed);
  CHECK(kept.build() && rounded.build());
  CHECK(storage_of(kept, Op::layer_norm) == Storage::f32);
  CHECK(storage_of(rounded, Op::layer_norm) == Storage::bf16);
  CHECK(kept.run() && rounded.run());
  CHECK(ipa_test::same_bits(kept.result(kept_y), rounded.result(y)));
}

TEST(graph_storage_of_attention) {
  ON_CPU_ALONE("a GPU keeps all values between steps in one type");
  for (int64_t head_size : {8, 40}) {
    GraphRig rig(2);
    const int64_t width = 3 * head_size;
    const Value qkv = rig.graph.linears(rig.input({2, 5, 6, 64}), {"q", "k", "v"}, width, false);
    const Value kv = rig.graph.pack_kv(rig.graph.slice_channels(qkv, width, width),
                                       rig.graph.slice_channels(qkv, 2 * width, width), 3, Compute::bf16);
    const Value mixed = rig.graph.attention(rig.graph.slice_channels(qkv, 0, width), kv);
    rig.output(rig.graph.linear(mixed, "out", 50));
    rig.use(Compute::bf16);
    CHECK(rig.build());
    CHECK(storage_of(rig, Op::linear) == Storage::bf16);
    CHECK(storage_of(rig, Op::attention) == Storage::bf16);
    rig.check("attention between products", 2e-2);
  }
}

// Keys from one product, values from another whose value something else needs in f32.
TEST(graph_storage_of_keys_and_values_is_one) {
  GraphRig rig(3);
  const Value x = rig.input({1, 1, 30, 64});
  const Value k = rig.graph.linear(x, "k", 32), v = rig.graph.linear(x, "v", 32);
  rig.output(rig.graph.attention(rig.graph.linear(x, "q", 32), rig.graph.pack_kv(k, v, 2, Compute::bf16)));
  rig.output(rig.graph.silu(v));
  rig.use(Compute::bf16);
  rig.check("keys and values of two products", 2e-2);
}

TEST(graph_storage_of_exact_readers_is_f32) {
  ON_CPU_ALONE("a GPU keeps all values between steps in one type");
  GraphRig rig(4);
  const Value x = rig.input({1, 8, 8, 64});
  const Value normed = rig.graph.silu(rig.graph.group_norm(x, "norm", 4, 1e-5f));
  rig.output(rig.graph.conv2d(normed, "a", 64));
  rig.check("in f32");
  CHECK(storage_of(rig, Op::group_norm) == Storage::f32);
}

// Chains as the VAE has them: enlargement, shortcut, norms in place, residual.
TEST(graph_storage_compact) {
  ON_CPU_ALONE("a GPU keeps all values between steps in one type");
  for (const Compute compute : {Compute::bf16, Compute::int16, Compute::f32})
    for (int64_t width : {32, 47, 66})
      for (bool compact : {false, true}) {
        GraphRig rig(static_cast<uint64_t>(width));
        const Value features = rig.input({2, 9, 10, width});
        rig.graph.set_compact(compact);
        Value x = rig.graph.conv2d(rig.graph.upsample(features, 18, 20), "up", width);
        const Value shortcut = rig.graph.conv1x1(x, "shortcut", 40);
        Value h = rig.graph.conv2d(rig.graph.silu(rig.graph.group_norm(x, "norm1", 1, 1e-6f)), "conv1", 40);
        h = rig.graph.silu(rig.graph.group_norm(h, "norm2", 4, 1e-6f));
        x = rig.graph.add(rig.graph.conv2d(h, "conv2", 40), shortcut);
        rig.graph.set_compact(false);
        rig.output(rig.graph.conv1x1(rig.graph.group_norm(x, "norm3", 4, 1e-6f), "out", 3));
        rig.use(compute);
        const double allowed = compute == Compute::bf16 || (compact && compute == Compute::int16) ? 6e-2
                               : compute == Compute::int16                                        ? 6e-3
                                                                                                  : 1e-5;
        rig.check(std::string(compact ? "compact" : "plain") + " chain of " + std::to_string(width), allowed);
        const Storage expected = compact && compute != Compute::f32 ? Storage::bf16 : Storage::f32;
        CHECK(storage_of(rig, Op::conv2d) == expected);
      }
}

// Half the bytes: what the arena is for.
TEST(graph_storage_compact_takes_half_the_memory) {
  ON_CPU_ALONE("a GPU keeps all values between steps in one type");
  auto bytes = [](bool compact) {
    GraphRig rig(6);
    const Value input = rig.input({1, 8, 8, 64});
    rig.graph.set_compact(compact);
    Value x = rig.graph.conv2d(rig.graph.upsample(input, 128, 128), "a", 64);
    x = rig.graph.add(rig.graph.conv2d(rig.graph.group_norm(x, "norm", 8, 1e-6f), "b", 64), x);
    rig.graph.set_compact(false);
    rig.output(rig.graph.conv2d(x, "c", 4));
    rig.use(Compute::int16);
    CHECK(rig.build());
    return rig.program().plan().arena_bytes();
  };
  const size_t plain = bytes(false), compact = bytes(true);
  CHECK(compact < plain * 3 / 4);
}

}  // namespace

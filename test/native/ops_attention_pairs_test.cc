// Self-attention in 16-bit integers and in bf16 against the exact f64 reference:
// what rounding of queries, keys, values and softmax weights costs, and what must not depend on it.
#include <cmath>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::same_bits;

constexpr Compute both_types[] = {Compute::int16, Compute::bf16};
const char* name_of(Compute compute) { return compute == Compute::bf16 ? "bf16" : "int16"; }

// Integers: values keep ten bits per column; the sums of many of them come out better.
// bf16: eight bits of everything, and the error of a score grows with the score.
double rounding_of(Compute compute) { return compute == Compute::bf16 ? 1.5e-2 : 2.5e-3; }

void check_attention(int64_t batch, int64_t queries, int64_t tokens, int heads, int head_size) {
  for (Compute compute : both_types) {
    GraphRig rig(static_cast<uint64_t>(queries * 31 + tokens * 7 + head_size));
    const int64_t channels = int64_t{heads} * head_size;
    const Value q = rig.input({batch, 1, queries, channels}, -2, 2);
    const Value k = rig.input({batch, 1, tokens, channels}, -2, 2);
    const Value v = rig.input({batch, 1, tokens, channels});
    rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, heads, compute)));
    rig.check(name_of(compute) + (" attention of " + std::to_string(queries)) + " over " +
                  std::to_string(tokens) + ", " + std::to_string(heads) + " heads of " +
                  std::to_string(head_size),
              rounding_of(compute));
  }
}

TEST(ops_attention_pairs_over_head_sizes) {
  for (int head_size = 1; head_size <= 20; ++head_size) check_attention(1, 3, 5, 2, head_size);
  for (int head_size : {31, 32, 33, 40, 48, 63, 64, 65, 80, 96, 104, 128, 160, 256, 511, 512})
    check_attention(1, 7, 19, 2, head_size);
}

TEST(ops_attention_pairs_over_tokens) {
  for (int64_t tokens : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 77, 127, 128, 129, 130, 257})
    check_attention(1, 5, tokens, 2, 12);
  for (int64_t tokens : {511, 512, 513, 529, 640, 641, 1023, 1024, 1025, 1100})
    check_attention(1, 5, tokens, 1, 20);
}

TEST(ops_attention_pairs_over_queries) {
  for (int64_t queries : {1, 2, 5, 6, 7, 13, 47, 48, 49, 95, 96, 97, 257})
    check_attention(1, queries, 21, 2, 10);
}

TEST(ops_attention_pairs_of_networks) {
  check_attention(2, 64, 64, 8, 40);
  check_attention(2, 49, 49, 5, 64);
  check_attention(1, 16, 16, 8, 160);
  check_attention(3, 16, 16, 3, 80);
}

TEST(ops_attention_pairs_of_slices) {
  for (Compute compute : both_types) {
    GraphRig rig(3);
    const Value qkv = rig.input({2, 5, 6, 100});
    const Value q = rig.graph.slice_channels(qkv, 3, 24), k = rig.graph.slice_channels(qkv, 27, 24),
                v = rig.graph.slice_channels(qkv, 76, 24);
    rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, 3, compute)));
    rig.check("slices", rounding_of(compute));
  }
}

// A query may be a million times as large as another, a key's head and a value's column as another's:
// each has a scale of its own.
TEST(ops_attention_int16_of_any_magnitude) {
  ON_CPU_ALONE("a GPU has no int16");
  GraphRig rig(4);
  const Value q = rig.input({1, 1, 4, 24}), k = rig.input({1, 1, 40, 24}), v = rig.input({1, 1, 40, 24});
  const Value y = rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, 2, Compute::int16)));
  for (size_t i = 0; i < rig.floats(k).size(); ++i) rig.floats(k)[i] *= i % 24 < 12 ? 1e5f : 1e-5f;
  const float rows[] = {1e-4f, 1.0f, 0.0f, 1e4f};
  for (size_t i = 0; i < rig.floats(q).size(); ++i)
    rig.floats(q)[i] *= rows[i / 24] * (i % 24 < 12 ? 1e-5f : 1e5f);
  for (size_t i = 0; i < rig.floats(v).size(); ++i) rig.floats(v)[i] *= i % 3 ? 1.0f : 1e-6f;
  CHECK(rig.build());
  CHECK(rig.run());
  const std::vector<float> result = rig.result(y);
  const ipa_ref::Tensor exact = rig.expected()[static_cast<size_t>(y.id)];
  // Scores of +-40,000 decide between neighbours by less than their rounding: that row may pick another key.
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t c = 0; c < 24; ++c) {
      const double column = c % 3 ? 1.0 : 1e-6;
      CHECK(std::fabs(exact.row(row, c) - static_cast<double>(result[static_cast<size_t>(row * 24 + c)])) <
            rounding_of(Compute::int16) * column);
    }
}

// One key takes nearly everything; 4,095 others share the rest, each below a thousandth of it.
TEST(ops_attention_pairs_keep_long_tails) {
  for (Compute compute : both_types) {
    GraphRig rig(5);
    const Value q = rig.input({1, 1, 2, 8}, 1, 1), k = rig.input({1, 1, 4096, 8}, 0, 0),
                v = rig.input({1, 1, 4096, 8}, 1, 1);
    rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, 1, compute)));
    // A score of 8.2, e^8.2 = 3,640: nine whole weights of 32,767 to one;
    // and the nearest that bf16 has exactly.
    const float key = compute == Compute::bf16 ? 2.875f : 2.9f;
    for (size_t c = 0; c < 8; ++c) rig.floats(k)[1000 * 8 + c] = key;
    for (size_t c = 0; c < 8; ++c) rig.floats(v)[1000 * 8 + c] = -1.0f;
    rig.check(name_of(compute) + std::string(" long tail"), 0.03);
  }
}

TEST(ops_attention_pairs_do_not_depend_on_what_else_is_in_the_batch) {
  for (Compute compute : both_types) {
    GraphRig both(6), one(6);
    auto describe = [compute](GraphRig& rig, int64_t batch) {
      const Value x = rig.input({batch, 1, 50, 40});
      return rig.output(rig.graph.attention(x, rig.graph.pack_kv(x, x, 2, compute)));
    };
    const Value a = describe(both, 2), b = describe(one, 1);
    CHECK(both.build() && one.build());
    CHECK(both.run() && one.run());
    std::vector<float> first = both.result(a);
    first.resize(first.size() / 2);
    CHECK(same_bits(first, one.result(b)));
  }
}

TEST(ops_attention_pairs_refuse_branches_and_masks) {
  ON_CPU_ALONE("a GPU has branches and masks of any type");
  for (int kind = 0; kind < 3; ++kind) {
    GraphRig rig(7);
    const Value x = rig.input({1, 1, 9, 8});
    const Value exact = rig.graph.pack_kv(x, x, 1), rounded = rig.graph.pack_kv(x, x, 1, Compute::bf16);
    if (kind == 0) rig.graph.attention(x, rounded, {}, true);
    if (kind == 1) rig.graph.attention(x, rounded, {{exact, rig.scalar(1)}});
    if (kind == 2) rig.graph.attention(x, exact, {{rounded, rig.scalar(1)}});
    CHECK(!rig.graph.status().ok());
  }
}

}  // namespace

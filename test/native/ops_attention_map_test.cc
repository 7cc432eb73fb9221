// Attention maps against the f64 reference: probabilities, and what tokens add beside others.
#include <cmath>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Graph;
using ipa::TokenSpan;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::same_bits;

struct Size {
  int64_t batch, queries;
  int heads, head_size;
  std::vector<int64_t> tokens;  // of each part
};

// Maps of an attention whose branches have scales by query, of two sources beside the text.
void check_map(const Size& s, float reach = 2) {
  GraphRig rig(static_cast<uint64_t>(s.queries * 31 + s.tokens[0] * 7 + s.head_size));
  const int64_t channels = int64_t{s.heads} * s.head_size;
  const auto packed = [&](int64_t tokens) {
    const Value k = rig.input({s.batch, 1, tokens, channels}, -reach, reach);
    return rig.graph.pack_kv(k, rig.input({s.batch, 1, tokens, channels}), s.heads);
  };
  const Value q = rig.input({s.batch, 1, s.queries, channels}, -reach, reach), text = packed(s.tokens[0]);
  std::vector<Graph::Branch> branches;
  std::vector<TokenSpan> spans = {{0, 0, 0, s.tokens[0]}};
  for (size_t i = 1; i < s.tokens.size(); ++i) {
    branches.push_back({packed(s.tokens[i]), rig.input({s.batch, 1, s.queries, 1}, -1, 1)});
    spans.push_back({1, static_cast<int>(i), 0, s.tokens[i] - s.tokens[i] / 2});
  }
  for (size_t i = 1; i < s.tokens.size(); ++i)
    if (const int64_t half = s.tokens[i] / 2)
      spans.push_back({2, static_cast<int>(i), s.tokens[i] - half, half});
  const Value scale = rig.input({s.batch, 1, s.queries, 1}, 0.2f, 1);
  rig.output(rig.graph.attention_map(rig.graph.attention(q, text, branches, false, scale), spans));
  rig.output(rig.graph.attention_map(rig.graph.attention(q, text, branches)));
  rig.check("maps of " + std::to_string(s.queries) + " queries over " + std::to_string(s.tokens[0]) + ", " +
            std::to_string(s.heads) + " heads of " + std::to_string(s.head_size));
}

TEST(ops_attention_map_over_sizes) {
  for (int head_size : {1, 3, 8, 15, 16, 17, 40, 64, 80, 160}) check_map({2, 9, 2, head_size, {77, 4}});
  for (int64_t tokens : {1, 2, 7, 16, 17, 63, 64, 65, 154, 600}) check_map({1, 5, 3, 12, {tokens, 5, tokens}});
  for (int64_t queries : {1, 5, 47, 48, 49, 97}) check_map({3, queries, 4, 10, {21, 4, 257}});
  check_map({2, 64, 8, 40, {77, 16, 4}}, 8);
}

// The op is beside the attention: it changes no bit of it.
TEST(ops_attention_map_leaves_the_attention_alone) {
  std::vector<std::vector<float>> results;
  for (const bool mapped : {false, true}) {
    GraphRig rig(5);
    const Value x = rig.input({2, 5, 7, 24}), k = rig.input({2, 1, 9, 24}), scale = rig.scalar(0.5f);
    const Value q = rig.graph.linear(x, "q", 24);
    const Value attended =
        rig.graph.attention(q, rig.graph.pack_kv(k, k, 3), {{rig.graph.pack_kv(k, k, 3), scale}});
    if (mapped) rig.output(rig.graph.attention_map(attended, {{0, 0, 0, 9}, {1, 1, 0, 9}}));
    const Value end = rig.output(rig.graph.linear(attended, "out", 24));
    if (!rig.build() || !rig.run()) return;
    results.push_back(rig.result(end));
  }
  CHECK(same_bits(results[0], results[1]));
}

// Where a scale is 0, its tokens add nothing, though they are looked at; where the text adds nothing there is no share.
TEST(ops_attention_map_of_scale_0) {
  GraphRig rig(6);
  const Value q = rig.input({1, 1, 60, 8}), k = rig.input({1, 1, 6, 8});
  const Value scale = rig.input({1, 1, 60, 1}), text_scale = rig.input({1, 1, 60, 1});
  for (size_t i = 0; i < 60; ++i) {
    rig.floats(scale)[i] = i < 50 ? 0.0f : 1.0f;
    rig.floats(text_scale)[i] = i < 55 ? 1.0f : 0.0f;
  }
  const Value kv = rig.graph.pack_kv(k, k, 2);
  const Value map = rig.output(rig.graph.attention_map(
      rig.graph.attention(q, kv, {{kv, scale}}, false, text_scale), {{0, 0, 0, 6}, {1, 1, 0, 6}}));
  rig.check("scales of 0");
  const std::vector<float> found = rig.result(map);
  for (size_t i = 0; i < 60; ++i) {
    const float* row = &found[i * 13];
    const float share = row[12], wanted = i >= 50 && i < 55 ? 1.0f : 0.0f;
    CHECK(std::fabs(share - wanted) < 1e-5f);
    CHECK(row[6] > 0.0f);
  }
}

TEST(ops_attention_map_refuses_what_does_not_fit) {
  const auto refused = [](std::vector<TokenSpan> spans, bool causal = false) {
    GraphRig rig(7);
    const Value q = rig.input({1, 1, 6, 8});
    const Value attended = rig.graph.attention(q, rig.graph.pack_kv(q, q, 2), {}, causal);
    rig.graph.attention_map(attended, std::move(spans));
    return !rig.graph.status().ok();
  };
  CHECK(!refused({{0, 0, 0, 6}}));
  CHECK(refused({{0, 0, 0, 7}}));
  CHECK(refused({{0, 0, -1, 2}}));
  CHECK(refused({{0, 1, 0, 1}}));
  CHECK(refused({{0, 0, 0, 1}, {2, 0, 0, 1}}));
  CHECK(refused({}, true));
}

}  // namespace

// Attention of a GPU, with as many branches and as wide heads as there are kernels for.
#include <algorithm>

#include "cuda_attention_rig.h"
#include "harness.h"

namespace {

using ipa::gpu::AttentionArgs;
using ipa::gpu::Element;
using ipa::gpu::Kernel;
using ipa_ref::Tensor;
using ipa_test::AttentionSize;
using ipa_test::CudaRig;
using ipa_test::DeviceRows;

struct Case {
  AttentionSize size;
  std::vector<int64_t> tokens;  // of each branch
  Element compute = Element::f16;
  bool causal = false;
  ipa_test::RowLayout q = {Element::f16, 0, 0}, out = {Element::f32, 0, 0};
  double largest = 2;  // of a query
};

// Scales of any sign; of every third branch from the third on, some queries leave it out, or all do.
Tensor scales_of(CudaRig& rig, const AttentionSize& size, int branch) {
  Tensor scales = rig.random({size.items, 1, size.queries, 1}, branch ? -1 : 0.5, 1.5);
  if (branch < 2) return scales;
  for (size_t i = 0; i < scales.values.size(); ++i)
    if (branch % 2 || i % 3 == 0) scales.values[i] = 0;
  return scales;
}

void check(CudaRig& rig, const Case& c) {
  if (c.compute == Element::bf16 && !CudaRig::has_bf16()) return;
  const AttentionSize& size = c.size;
  const ipa::Shape shape = {size.items, 1, size.queries, int64_t{size.heads} * size.head_size};
  const DeviceRows q(rig, rig.random(shape, -c.largest, c.largest), c.q), out(rig, shape, c.out);
  AttentionArgs g = ipa_test::attention_arguments(size, q.rows(), c.compute);
  g.out = out.rows();
  g.causal = c.causal;
  std::vector<ipa_ref::Keys> keys;
  for (const int64_t tokens : c.tokens)
    keys.push_back(ipa_test::add_branch(rig, g, tokens, scales_of(rig, size, g.branches)));
  rig.launch(Kernel::attention, g);
  const std::string what = std::to_string(size.queries) + " queries, heads of " +
                           std::to_string(size.head_size) + ", " + std::to_string(c.tokens.size()) +
                           " branches, first of " + std::to_string(c.tokens[0]) + (c.causal ? ", causal" : "");
  out.check_gaps(what);
  // Queries meet keys, and probabilities values, in the type of these. A query in more bits is rounded to it.
  const double of_query = c.q.element == c.compute || c.compute == Element::f32 ? 0 : 4;
  // A score is not exact in f32, and the larger it is, the less.
  const double of_score = c.largest * 2e-7;
  const double allowed = 4e-6 + of_score + (2 + of_query) * ipa_test::rounding_of(c.compute) +
                         ipa_test::rounding_of(c.out.element);
  const double error =
      ipa_test::relative_error(out.values(), ipa_ref::attention(q.values(), keys, size.heads, c.causal));
  if (!(error <= allowed))
    ipa_test::fail(__FILE__, __LINE__,
                   what + ": off by " + ipa_test::shown(error) + ", allowed are " + ipa_test::shown(allowed));
}

// One of each kernel: two tiles of tokens and a part of one, a branch of few tokens and one of several tiles.
void check_heads(uint64_t seed, Element compute, const std::vector<int>& head_sizes) {
  CudaRig rig(seed);
  for (const int head_size : head_sizes)
    check(rig, {{2, 21, 2, head_size}, {70, 4, 67, 3}, compute, false, {compute, 0, 0}, {compute, 0, 0}});
}

TEST_ONCE(cuda_attention_of_every_width_in_f16) { check_heads(3, Element::f16, {20, 40, 64, 80, 104, 160}); }
TEST_ONCE(cuda_attention_of_every_width_in_bf16) { check_heads(4, Element::bf16, {32, 48, 64, 80, 112, 130}); }
TEST_ONCE(cuda_attention_wide_and_plain) {
  CudaRig rig(4);
  for (const Element compute : {Element::f16, Element::bf16})
    for (const int head_size : {170, 512})
      check(rig, {{1, 35, 1, head_size}, {40, 3, 17}, compute, false, {compute, 0, 0}, {Element::f32, 0, 0}});
  check(rig, {{2, 9, 2, 20}, {70, 4, 33, 2}, Element::f32, false, {Element::f32, 0, 0}, {Element::f32, 0, 0}});
  check(rig, {{1, 3, 1, 512}, {40}, Element::f32, false, {Element::f16, 0, 0}, {Element::f16, 0, 0}});
}

// Each by one channel wider than a kernel takes, so that the next has to.
TEST_ONCE(cuda_attention_of_heads_just_too_wide) {
  CudaRig rig(9);
  for (const int head_size : {33, 49, 65, 81, 113, 161, 257}) check(rig, {{1, 5, 2, head_size}, {9, 4}});
}

// Exponentials of scores of 50 and more fit neither f16 nor, of what is further on, f32.
TEST_ONCE(cuda_attention_of_large_scores) {
  CudaRig rig(8);
  for (const Element compute : {Element::f16, Element::bf16, Element::f32})
    for (const int head_size : {40, 170, 512})
      for (const double largest : {32.0, 128.0})
        check(rig, {{1, 20, 1, head_size}, {70, 4, 67}, compute, false, {compute, 0, 0}, {}, largest});
}

TEST_ONCE(cuda_attention_causal) {
  CudaRig rig(5);
  for (const int head_size : {40, 160, 200}) check(rig, {{2, 70, 1, head_size}, {70}, Element::f16, true});
  check(rig, {{1, 9, 2, 24}, {9}, Element::f32, true, {Element::f32, 0, 0}});
  check(rig, {{1, 20, 1, 24}, {7}, Element::f16, true});
  check(rig, {{1, 7, 1, 24}, {80}, Element::f16, true});
}

TEST_ONCE(cuda_attention_over_queries_and_tokens) {
  CudaRig rig(6);
  for (const int64_t queries : {1, 15, 16, 17, 63, 64, 65, 130}) check(rig, {{1, queries, 1, 32}, {5}});
  for (const int64_t tokens : {1, 7, 8, 9, 63, 64, 65, 128, 129}) check(rig, {{1, 3, 2, 16}, {tokens, tokens}});
  for (const int64_t tokens : {1, 15, 16, 17, 33}) check(rig, {{1, 33, 1, 192}, {tokens}});
}

TEST_ONCE(cuda_attention_reads_and_writes_rows_anywhere) {
  CudaRig rig(7);
  for (const ipa_test::RowLayout& layout : ipa_test::row_layouts())
    for (const int head_size : {5, 24, 168})
      check(rig, {{2, 5, 2, head_size}, {9, 2}, Element::f16, false, layout, layout});
}

}  // namespace

// Attention maps of a GPU over elements, from keys and values that it packed.
#include "cuda_attention_rig.h"
#include "harness.h"

namespace {

using ipa::TokenSpan;
using ipa::gpu::AttentionMapArgs;
using ipa::gpu::Element;
using ipa::gpu::Kernel;
using ipa_ref::Keys;
using ipa_ref::Tensor;
using ipa_test::CudaRig;
using ipa_test::DeviceRows;

struct Size {
  int64_t items, queries;
  int heads, head_size;
  std::vector<int64_t> tokens;  // of each part
};

void check_map(CudaRig& rig, const Size& s, Element query_element, Element compute, double largest = 2) {
  const ipa::Shape shape{s.items, 1, s.queries, int64_t{s.heads} * s.head_size};
  const DeviceRows q(rig, rig.random(shape, -largest, largest), {query_element, 3, 5});
  AttentionMapArgs m;
  m.attention = ipa_test::attention_arguments({s.items, s.queries, s.heads, s.head_size}, q.rows(), compute);
  std::vector<Keys> keys;
  std::vector<TokenSpan> spans;
  for (const int64_t tokens : s.tokens) {
    const int part = m.attention.branches;
    const Tensor scales = rig.random({s.items, 1, s.queries, 1}, 0.1, 1);
    keys.push_back(ipa_test::add_branch(rig, m.attention, tokens, scales));
    spans.push_back({part, part, 0, (tokens + 1) / 2});
    if (tokens > 1) spans.push_back({part, part, (tokens + 1) / 2, tokens / 2});
    m.columns += tokens;
  }
  m.sources = m.attention.branches;
  m.columns += m.sources - 1;
  for (const TokenSpan& span : spans) m.spans[m.span_count++] = span;
  m.out = static_cast<float*>(rig.take(s.queries * m.columns * 4));
  rig.launch(Kernel::attention_map, m);
  Tensor found({1, 1, s.queries, m.columns});
  const std::vector<float> got = rig.download(m.out, s.queries * m.columns);
  found.values.assign(got.begin(), got.end());
  // A score is not exact in f32, and the larger it is, the less.
  const double allowed = 4e-6 + largest * 2e-7;
  const double error =
      ipa_test::relative_error(found, ipa_ref::attention_map(q.values(), keys, s.heads, spans));
  if (!(error <= allowed))
    ipa_test::fail(__FILE__, __LINE__,
                   std::to_string(s.queries) + " queries, heads of " + std::to_string(s.head_size) +
                       ": off by " + ipa_test::shown(error) + ", allowed are " + ipa_test::shown(allowed));
}

TEST_ONCE(cuda_attention_maps_of_all_elements) {
  CudaRig rig(2);
  for (const Element query : {Element::f32, Element::f16, Element::bf16})
    for (const Element compute : {Element::f32, Element::f16, Element::bf16})
      check_map(rig, {2, 5, 2, 20, {77, 4, 33}}, query, compute);
}

TEST_ONCE(cuda_attention_maps_over_sizes) {
  CudaRig rig(3);
  for (const int head_size : {1, 8, 40, 64, 130, 512})
    check_map(rig, {1, 3, 2, head_size, {40, 5}}, Element::f16, Element::f16);
  for (const int64_t tokens : {1, 31, 32, 65, 300})
    check_map(rig, {2, 7, 3, 16, {tokens, 4}}, Element::f16, Element::f16);
}

// Whose exponentials f32 does not hold.
TEST_ONCE(cuda_attention_maps_of_large_scores) {
  CudaRig rig(4);
  for (const Element compute : {Element::f32, Element::f16})
    check_map(rig, {1, 9, 2, 40, {77, 4, 33}}, compute, compute, 128);
}

}  // namespace

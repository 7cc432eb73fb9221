// pack_kv and attention against the f64 reference:
// one branch, several, causal, and scores that overflow a naive softmax.
#include <cmath>
#include <cstring>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Graph;
using ipa::Shape;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::same_bits;

struct Size {
  int64_t batch, queries, tokens;
  int heads, head_size;
  bool causal = false;
  int64_t channels() const { return int64_t{heads} * head_size; }
  std::string text() const {
    return "attention of " + std::to_string(batch) + "x" + std::to_string(queries) + " over " +
           std::to_string(tokens) + ", " + std::to_string(heads) + " heads of " + std::to_string(head_size) +
           (causal ? ", causal" : "");
  }
};

void check_attention(const Size& s, float reach = 2) {
  GraphRig rig(static_cast<uint64_t>(s.queries * 31 + s.tokens * 7 + s.head_size));
  const Value q = rig.input({s.batch, 1, s.queries, s.channels()}, -reach, reach);
  const Value k = rig.input({s.batch, 1, s.tokens, s.channels()}, -reach, reach);
  const Value v = rig.input({s.batch, 1, s.tokens, s.channels()});
  rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, s.heads), {}, s.causal));
  rig.check(s.text());
}

TEST(ops_attention_over_head_sizes) {
  for (int head_size = 1; head_size <= 20; ++head_size) check_attention({1, 3, 5, 2, head_size});
  for (int head_size : {31, 32, 33, 40, 48, 63, 64, 65, 80, 96, 104, 128, 160, 256, 511, 512})
    check_attention({1, 7, 19, 2, head_size});
}

TEST(ops_attention_over_tokens) {
  for (int64_t tokens : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 77, 127, 128, 129, 257})
    check_attention({1, 5, tokens, 2, 12});
  // Both sides of a block of keys, and several of them.
  for (int64_t tokens : {511, 512, 513, 529, 1023, 1024, 1025, 1100}) check_attention({1, 5, tokens, 1, 20});
}

TEST(ops_attention_over_queries) {
  for (int64_t queries : {1, 2, 5, 6, 7, 13, 47, 48, 49, 95, 96, 97, 257})
    check_attention({1, queries, 21, 2, 10});
  check_attention({2, 513, 77, 1, 8});
}

TEST(ops_attention_of_networks) {
  check_attention({2, 64, 64, 8, 40});
  check_attention({2, 64, 77, 8, 40});
  check_attention({2, 49, 77, 5, 64});
  check_attention({1, 16, 4, 8, 160});
  check_attention({3, 10, 16, 3, 80});
  check_attention({1, 50, 1100, 1, 512});
  check_attention({2, 77, 77, 3, 64, true});
  check_attention({1, 50, 257, 4, 104});
}

TEST(ops_attention_causal) {
  for (int64_t tokens : {1, 2, 15, 16, 17, 49, 77, 130}) check_attention({2, tokens, tokens, 2, 9, true});
  check_attention({1, 600, 600, 1, 4, true});
  // Fewer and more keys than queries.
  check_attention({1, 20, 9, 2, 5, true});
  check_attention({1, 9, 20, 2, 5, true});
  check_attention({1, 9, 1100, 1, 5, true});
}

TEST(ops_attention_of_slices_and_pictures) {
  GraphRig rig(3);
  const Value qkv = rig.input({2, 1, 30, 100});
  const Value q = rig.graph.slice_channels(qkv, 3, 24), k = rig.graph.slice_channels(qkv, 27, 24),
              v = rig.graph.slice_channels(qkv, 76, 24);
  rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, 3)));
  const Value picture = rig.input({2, 5, 6, 24});
  rig.output(rig.graph.attention(picture, rig.graph.pack_kv(picture, picture, 4)));
  rig.output(rig.graph.attention(picture, rig.graph.pack_kv(k, v, 1)));
  rig.check("slices and pictures");
}

// The text branch and one branch a token count, each with its scale.
void check_branches(const std::string& what, const std::vector<int64_t>& tokens,
                    const std::vector<float>& scales) {
  GraphRig rig(tokens.size() * 100 + static_cast<size_t>(tokens[0]));
  constexpr int64_t channels = 60;
  auto packed = [&](int64_t count) {
    const Value k = rig.input({2, 1, count, channels}, -3, 3), v = rig.input({2, 1, count, channels});
    return rig.graph.pack_kv(k, v, 3);
  };
  const Value q = rig.input({2, 7, 9, channels}, -3, 3);
  const Value text = packed(77);
  std::vector<Graph::Branch> branches;
  for (size_t i = 0; i < tokens.size(); ++i) branches.push_back({packed(tokens[i]), rig.scalar(scales[i])});
  rig.output(rig.graph.attention(q, text, branches));
  rig.check(what);
}

TEST(ops_attention_branches) {
  check_branches("one branch", {4}, {1.0f});
  check_branches("one branch, weak", {16}, {0.3f});
  check_branches("one branch, negative", {16}, {-0.7f});
  check_branches("one branch of 257", {257}, {0.6f});
  check_branches("one token", {1}, {2.0f});
  check_branches("two branches", {4, 16}, {0.5f, 1.5f});
  check_branches("two branches, the first silent", {4, 16}, {0.0f, 1.5f});
  check_branches("three branches", {4, 257, 16}, {0.5f, -0.25f, 1.0f});
  check_branches("three branches, two silent", {513, 1, 16}, {0.4f, 0.0f, 0.0f});
}

TEST(ops_attention_branch_of_scale_0_changes_no_bit) {
  for (float zero : {0.0f, -0.0f}) {
    GraphRig rig(11);
    const Value q = rig.input({2, 1, 70, 40}), k = rig.input({2, 1, 77, 40}), v = rig.input({2, 1, 77, 40});
    const Value image = rig.input({2, 1, 16, 40});
    const Value text = rig.graph.pack_kv(k, v, 5);
    const Value without = rig.output(rig.graph.attention(q, text));
    const Value kv = rig.graph.pack_kv(image, image, 5), silent = rig.scalar(zero);
    const Value with = rig.output(rig.graph.attention(q, text, {{kv, silent}}));
    const Value with_three =
        rig.output(rig.graph.attention(q, text, {{kv, silent}, {kv, silent}, {kv, silent}}));
    rig.check("silent branch");
    CHECK(same_bits(rig.result(without), rig.result(with)));
    CHECK(same_bits(rig.result(without), rig.result(with_three)));
  }
}

// An item's scale is its own, and gives the bits that the same scale gives when all items have it.
TEST(ops_attention_scales_of_items_are_apart) {
  const auto run = [](const std::vector<float>& scales) {
    GraphRig rig(19);
    const Value q = rig.input({3, 1, 70, 40}), k = rig.input({3, 1, 77, 40}), image = rig.input({3, 1, 16, 40});
    const Value scale = rig.input({static_cast<int64_t>(scales.size()), 1, 1, 1});
    rig.floats(scale) = scales;
    const Value kv = rig.graph.pack_kv(image, image, 5);
    const Value end = rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, k, 5), {{kv, scale}}));
    rig.check(std::to_string(scales.size()) + " scales");
    return rig.result(end);
  };
  const std::vector<float> scales = {0.75f, 0.0f, -0.5f}, apart = run(scales);
  const size_t item = apart.size() / scales.size();
  for (size_t i = 0; i < scales.size(); ++i) {
    const std::vector<float> all = run({scales[i]});
    CHECK(std::equal(all.begin() + static_cast<std::ptrdiff_t>(i * item),
                     all.begin() + static_cast<std::ptrdiff_t>((i + 1) * item),
                     apart.begin() + static_cast<std::ptrdiff_t>(i * item)));
  }
}

// One scale per query, of every item or of all alike; blocks of queries with 0 give the bits of no branch.
TEST(ops_attention_scales_of_queries) {
  for (int64_t items : {1, 2}) {
    GraphRig rig(23);
    const Value q = rig.input({2, 10, 30, 40}), k = rig.input({2, 1, 77, 40}),
                image = rig.input({2, 1, 16, 40});
    const Value scale = rig.input({items, 1, 300, 1}, -1, 1);
    std::vector<float>& scales = rig.floats(scale);
    std::fill_n(scales.end() - 200, 200, 0.0f);
    const Value text = rig.graph.pack_kv(k, k, 5);
    const Value without = rig.output(rig.graph.attention(q, text));
    const Value with = rig.output(rig.graph.attention(q, text, {{rig.graph.pack_kv(image, image, 5), scale}}));
    rig.check(std::to_string(items) + " rows of scales");
    const std::vector<float> a = rig.result(without), b = rig.result(with);
    CHECK(std::equal(a.end() - 100 * 40, a.end(), b.end() - 100 * 40));
    CHECK(!std::equal(a.begin(), a.begin() + 40, b.begin()));
  }
}

// The prompt's own part counts as much as its place in a region says.
TEST(ops_attention_scale_of_the_text) {
  for (int64_t items : {1, 2}) {
    GraphRig rig(24);
    const Value q = rig.input({2, 10, 7, 40}), k = rig.input({2, 1, 77, 40}), image = rig.input({2, 1, 16, 40});
    const Value of_text = rig.input({items, 1, 70, 1}, -1, 1), scale = rig.input({items, 1, 70, 1}, -1, 1);
    const Value text = rig.graph.pack_kv(k, k, 5), prompt = rig.graph.pack_kv(image, image, 5);
    rig.output(rig.graph.attention(q, text, {}, false, of_text));
    rig.output(rig.graph.attention(q, text, {{prompt, scale}}, false, of_text));
    rig.check(std::to_string(items) + " rows of scales of the text");
  }
}

TEST(ops_attention_branch_of_scale_0_is_not_even_read) {
  GraphRig rig(17);
  const Value q = rig.input({1, 1, 20, 16}), k = rig.input({1, 1, 9, 16}), image = rig.input({1, 1, 4, 16});
  const Value text = rig.graph.pack_kv(k, k, 2), kv = rig.graph.pack_kv(image, image, 2);
  const Value without = rig.output(rig.graph.attention(q, text));
  const Value with = rig.output(rig.graph.attention(q, text, {{kv, rig.scalar(0)}}));
  for (float& x : rig.floats(image)) x = std::nanf("");
  if (!rig.build() || !rig.run()) return;
  CHECK(same_bits(rig.result(without), rig.result(with)));
}

TEST(ops_attention_reads_the_scale_at_every_run) {
  GraphRig rig(12);
  const Value q = rig.input({1, 1, 9, 20}), k = rig.input({1, 1, 12, 20}), image = rig.input({1, 1, 4, 20});
  const Value scale = rig.scalar(1);
  rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, k, 2), {{rig.graph.pack_kv(image, image, 2), scale}}));
  for (float value : {1.0f, 0.25f, 0.0f, -1.0f}) {
    rig.floats(scale) = {value};
    rig.check("scale " + std::to_string(value));
  }
}

// Scores of +-80,000: e^score is far outside f32, and differences of scores are all that counts.
TEST(ops_attention_survives_extreme_scores) {
  for (int64_t tokens : {5, 77, 1100}) {
    GraphRig rig(13);
    const Value q = rig.input({1, 1, 50, 16}), k = rig.input({1, 1, tokens, 16}),
                v = rig.input({1, 1, tokens, 16});
    rig.output(rig.graph.attention(q, rig.graph.pack_kv(k, v, 1)));
    // Whole numbers keep the scores themselves exact, ties included.
    for (float& x : rig.floats(q)) x = std::nearbyint(x * 64) * 64;
    for (float& x : rig.floats(k)) x = std::nearbyint(x * 4);
    rig.check("extreme scores over " + std::to_string(tokens));
  }
  // The largest score comes last, so that every block of keys has to correct the ones before it.
  GraphRig rising(14);
  const Value q = rising.input({1, 1, 3, 4}, 1, 1), k = rising.input({1, 1, 1100, 4}, 0, 0),
              v = rising.input({1, 1, 1100, 4});
  rising.output(rising.graph.attention(q, rising.graph.pack_kv(k, v, 1)));
  for (size_t i = 0; i < rising.floats(k).size(); ++i) rising.floats(k)[i] = static_cast<float>(i / 4) * 0.25f;
  rising.check("rising scores");
  GraphRig falling(15);
  const Value q2 = falling.input({1, 1, 3, 4}, -1, -1), k2 = falling.input({1, 1, 1100, 4}, 0, 0),
              v2 = falling.input({1, 1, 1100, 4});
  falling.output(falling.graph.attention(q2, falling.graph.pack_kv(k2, v2, 1)));
  for (size_t i = 0; i < falling.floats(k2).size(); ++i)
    falling.floats(k2)[i] = static_cast<float>(i / 4) * 0.25f;
  falling.check("falling scores");
}

TEST(ops_attention_reads_keys_and_values_packed_by_another_program) {
  constexpr int64_t tokens = 21;
  constexpr int heads = 3, head_size = 20;
  const ipa::CpuBackend backend(ipa_test::test_kernels(), 2);
  ipa::ParamSet none;
  ipa_test::Random random(16);

  Graph together(&none);
  const Value q = together.input({2, 1, 8, 60}), k = together.input({2, 1, tokens, 60});
  const Value whole = together.attention(q, together.pack_kv(k, k, heads));
  together.output(whole);
  Graph first(&none);
  const Value k1 = first.input({2, 1, tokens, 60});
  const Value packed = first.pack_kv(k1, k1, heads);
  first.output(packed);
  Graph second(&none);
  const Value q2 = second.input({2, 1, 8, 60}), kv2 = second.packed_kv_input({2, tokens, heads, head_size});
  const Value end = second.attention(q2, kv2);
  second.output(end);

  auto a = ipa::Program::make(std::move(together), backend), b = ipa::Program::make(std::move(first), backend);
  auto c = ipa::Program::make(std::move(second), backend, {kv2});
  CHECK_OK(a.status());
  CHECK_OK(b.status());
  CHECK_OK(c.status());
  if (!a.ok() || !b.ok() || !c.ok()) return;
  CHECK(!c.value()->prepare().ok());  // keys and values are not bound yet
  c.value()->bind(kv2, b.value()->view(packed));
  CHECK_OK(a.value()->prepare());
  CHECK_OK(b.value()->prepare());
  CHECK_OK(c.value()->prepare());
  for (int64_t i = 0; i < 2 * tokens * 60; ++i)
    a.value()->floats(k)[i] = b.value()->floats(k1)[i] = random.uniform(-1, 1);
  for (int64_t i = 0; i < 2 * 8 * 60; ++i)
    a.value()->floats(q)[i] = c.value()->floats(q2)[i] = random.uniform(-1, 1);
  CHECK_OK(a.value()->run());
  CHECK_OK(b.value()->run());
  CHECK_OK(c.value()->run());
  CHECK(std::memcmp(a.value()->floats(whole), c.value()->floats(end), 2 * 8 * 60 * sizeof(float)) == 0);
}

}  // namespace

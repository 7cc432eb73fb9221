// AttentionSize: heads of every size that networks have, branches of image prompts, masks, causal.
#include "check/check_case.h"

namespace ipa {
namespace {

// How a branch is scaled.
enum class Scaled : uint8_t { one, off, items, queries };

struct BranchSize {
  int64_t tokens;
  Scaled scaled;
};

struct AttentionSize {
  int64_t items, queries, tokens;
  int heads, head_size;
  std::vector<BranchSize> branches = {};
  bool causal = false;
  bool own_scale = false;

  int64_t channels() const { return int64_t{heads} * head_size; }
};

const char* scaled_text(Scaled scaled) {
  switch (scaled) {
    case Scaled::one: return "";
    case Scaled::off: return " off";
    case Scaled::items: return " by item";
    case Scaled::queries: return " masked";
  }
  return "";
}

std::string attention_size(const AttentionSize& a) {
  std::string text =
      std::to_string(a.items) + " x " + std::to_string(a.queries) + " over " + std::to_string(a.tokens);
  for (const BranchSize& branch : a.branches)
    text += " + " + std::to_string(branch.tokens) + scaled_text(branch.scaled);
  text += ", " + std::to_string(a.heads) + " x " + std::to_string(a.head_size);
  if (a.own_scale) text += ", places";
  if (a.causal) text += ", causal";
  return text;
}

double attention_flops(const AttentionSize& a) {
  int64_t tokens = a.tokens;
  for (const BranchSize& branch : a.branches)
    if (branch.scaled != Scaled::off) tokens += branch.tokens;
  return 4.0 * static_cast<double>(a.items * a.queries * tokens * a.channels());
}

Value drawn_keys(CheckSketch& s, const AttentionSize& a, int64_t tokens) {
  const Shape shape = tokens_shape(a.items, tokens, a.channels());
  const Value k = s.input(shape, 2), v = s.input(shape);
  return s.graph.pack_kv(k, v, a.heads, s.numbers().keys);
}

Value drawn_scale(CheckSketch& s, const AttentionSize& a, Scaled scaled) {
  if (scaled == Scaled::one) return s.bound({1, 1, 1, 1}, {0.75f});
  if (scaled == Scaled::off) return s.bound({1, 1, 1, 1}, {0.0f});
  const int64_t each = scaled == Scaled::queries ? a.queries : 1;
  std::vector<float> numbers(static_cast<size_t>(a.items * each));
  for (float& x : numbers) x = s.draw();
  // Nothing of the picture for a whole block of queries.
  for (size_t i = 0; scaled == Scaled::queries && i < numbers.size() / 2; ++i) numbers[i] = 0;
  return s.bound({a.items, 1, each, 1}, std::move(numbers));
}

Value describe_attention(CheckSketch& s, const AttentionSize& a) {
  const Value q = s.input(tokens_shape(a.items, a.queries, a.channels()), 2);
  const Value kv = drawn_keys(s, a, a.tokens);
  std::vector<Graph::Branch> branches;
  for (const BranchSize& branch : a.branches)
    branches.push_back({drawn_keys(s, a, branch.tokens), drawn_scale(s, a, branch.scaled)});
  const Value own = a.own_scale ? drawn_scale(s, a, Scaled::queries) : Value();
  return s.graph.attention(q, kv, branches, a.causal, own);
}

CheckCase attention_case(const AttentionSize& a) {
  CheckCase c;
  c.op = "attention";
  c.size = attention_size(a);
  c.describe = [a](CheckSketch& s) { s.output(describe_attention(s, a)); };
  c.flops = attention_flops(a);
  c.has_plain_keys = a.branches.empty() && !a.causal && !a.own_scale;
  return c;
}

CheckCase map_case(const AttentionSize& a) {
  CheckCase c = attention_case(a);
  c.op = "attention_map";
  c.has_plain_keys = false;
  c.describe = [a](CheckSketch& s) {
    const Value attended = describe_attention(s, a);
    s.graph.output(s.graph.attention_map(attended, {{0, 0, 0, a.tokens}, {1, 1, 0, a.branches[0].tokens}}));
    s.output(attended);
  };
  return c;
}

void add_small_attentions(std::vector<CheckCase>& cases) {
  for (int head_size : {40, 64, 80, 104, 160, 512}) {
    cases.push_back(attention_case({1, 70, 77, 2, head_size}));
    cases.push_back(attention_case({2, 35, 77, 1, head_size, {{4, Scaled::one}}}));
  }
  cases.push_back(attention_case({2, 40, 77, 2, 40, {{16, Scaled::items}, {4, Scaled::one}}}));
  cases.push_back(attention_case({1, 150, 77, 1, 64, {{257, Scaled::queries}}}));
  cases.push_back(
      attention_case({2, 70, 77, 2, 80, {{4, Scaled::queries}, {16, Scaled::off}, {33, Scaled::items}}}));
  cases.push_back(attention_case({1, 70, 77, 2, 64, {{4, Scaled::one}}, false, true}));
  cases.push_back(attention_case({2, 77, 77, 2, 64, {}, true}));
  cases.push_back(attention_case({1, 20, 24, 3, 12}));
  cases.push_back(map_case({1, 30, 20, 2, 40, {{4, Scaled::one}}}));
}

void add_real_attentions(std::vector<CheckCase>& cases) {
  cases.push_back(attention_case({2, 4096, 4096, 8, 40}));
  cases.push_back(attention_case({2, 1024, 1024, 8, 80}));
  cases.push_back(attention_case({2, 256, 256, 8, 160}));
  cases.push_back(attention_case({2, 4096, 77, 8, 40}));
  cases.push_back(attention_case({2, 4096, 77, 8, 40, {{4, Scaled::one}}}));
  cases.push_back(attention_case({2, 4096, 77, 10, 64, {{16, Scaled::queries}}}));
  cases.push_back(attention_case({2, 1024, 1024, 20, 64}));
  cases.push_back(attention_case({1, 2048, 2048, 1, 512}));
}

}  // namespace

CheckCase self_attention_case(int64_t items, int64_t queries, int64_t tokens, int heads, int head_size) {
  return attention_case({items, queries, tokens, heads, head_size});
}

void add_attention_cases(bool real, std::vector<CheckCase>& cases) {
  real ? add_real_attentions(cases) : add_small_attentions(cases);
}

}  // namespace ipa

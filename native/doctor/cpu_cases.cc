#include "doctor/cpu_cases.h"

#include <utility>

namespace ipa {
namespace {

// Rows that are no whole tile of six; columns of one to four vectors; inputs that reach into a second chunk.
void add_products(std::vector<CheckCase>& cases) {
  cases.push_back(linear_case({"", 1, 3, 40, 17}));
  cases.push_back(linear_case({"", 1, 5, 1100, 24}));
  cases.push_back(linear_case({"", 1, 8, 131, 40}));
  cases.push_back(linear_case({"", 1, 9, 66, 200}));
  cases.push_back(linear_case({", a second block of rows", 1, 100, 34, 64}));
  cases.push_back(conv_case({", patches", {1, 28, 28, 3}, 32, {14, 14, 14, 0, 0, 0, 0}}));
}

// By either size of tiles (cpu/pack/winograd.cc says where each pays): the small one, in a picture of two rows; the large one, cut at an edge,
// in part of a batch, around the edges, and over an enlargement. Chunks and panels with rests.
void add_winograd(std::vector<CheckCase>& cases) {
  cases.push_back(conv_case({", small tiles", {1, 2, 24, 320}, 320}));
  cases.push_back(conv_case({", large tiles", {2, 15, 16, 97}, 131}));
  cases.push_back(conv_case({", large tiles, wrapped", {1, 16, 16, 97}, 131, {}, {true, true}}));
  cases.push_back(conv_case({", large tiles, enlarged", {1, 8, 8, 97}, 131, {}, {}, 2}));
}

void add_attentions(std::vector<CheckCase>& cases) {
  cases.push_back(self_attention_case(1, 50, 600, 1, 40));
  cases.push_back(self_attention_case(2, 6, 1030, 1, 20));
}

void add_activations(std::vector<CheckCase>& cases) {
  const Shape shape{1, 3, 11, 41};
  for (const auto& [activation, name] : {std::pair{Activation::silu, ", SiLU"},
                                         {Activation::gelu, ", GELU"},
                                         {Activation::gelu_tanh, ", GELU by tanh"},
                                         {Activation::quick_gelu, ", quick GELU"},
                                         {Activation::relu, ", ReLU"},
                                         {Activation::soft_clamp_3, ", soft clamp"},
                                         {Activation::unit_to_signed, ", to -1 to 1"}}) {
    constexpr float far = 128;  // where exponentials end
    cases.push_back(activation_case(shape, activation, name, 8));
    cases.push_back(activation_case(shape, activation, name, far));
  }
}

// Kept and given statistics, in several blocks of rows.
void add_norms(std::vector<CheckCase>& cases) {
  cases.push_back(rows_case("group_norm", {2, 15, 20, 72}, ", statistics kept", 3, [](CheckSketch& s, Value x) {
    s.graph.set_norm_statistics(NormStatistics::recorded);
    return s.graph.silu(s.graph.group_norm(x, "norm", 4, 1e-5f));
  }));
}

CheckCase chain(const char* size, std::function<void(CheckSketch&)> describe) {
  CheckCase c;
  c.op = "chain";
  c.size = size;
  c.describe = std::move(describe);
  return c;
}

// As the VAE's last level.
void describe_resnet(CheckSketch& s) {
  Graph& g = s.graph;
  const Value given = s.input({2, 9, 10, 47});
  g.set_compact(true);
  Value x = g.conv2d(g.upsample(given, 18, 20), "up", 47);
  const Value shortcut = g.conv1x1(x, "shortcut", 40);
  Value h = g.conv2d(g.silu(g.group_norm(x, "norm1", 1, 1e-6f)), "conv1", 40);
  h = g.silu(g.group_norm(h, "norm2", 4, 1e-6f));
  x = g.add(g.conv2d(h, "conv2", 40), shortcut);
  g.set_compact(false);
  s.output(g.conv1x1(g.group_norm(x, "norm3", 4, 1e-6f), "out", 3));
}

// As the UNet's, without its cross-attention.
void describe_transformer(CheckSketch& s) {
  Graph& g = s.graph;
  constexpr int64_t width = 80;
  const Value x = g.reshape(s.input({1, 6, 9, width}), tokens_shape(1, 54, width));
  const Value qkv = g.linears(g.layer_norm(x, "norm1", 1e-5f), {"q", "k", "v"}, width, false);
  const Value kv = g.pack_kv(g.slice_channels(qkv, width, width), g.slice_channels(qkv, 2 * width, width), 2,
                             s.numbers().keys);
  const Value mixed = g.attention(g.slice_channels(qkv, 0, width), kv);
  const Value attended = g.add(g.linear(mixed, "to_out", width), x);
  const Value gated = g.geglu_linear(g.layer_norm(attended, "norm2", 1e-5f), "gate", 96);
  s.output(g.add(g.linear(gated, "out", width), attended));
}

}  // namespace

std::vector<CheckCase> self_test_cases() {
  std::vector<CheckCase> cases = check_cases(false);
  add_products(cases);
  add_winograd(cases);
  add_attentions(cases);
  add_activations(cases);
  add_norms(cases);
  cases.push_back(chain("residual block", describe_resnet));
  cases.push_back(chain("transformer block", describe_transformer));
  std::vector<CheckCase> by_op;
  while (!cases.empty()) {
    const std::string op = cases.front().op;
    std::vector<CheckCase> others;
    for (CheckCase& c : cases) (c.op == op ? by_op : others).push_back(std::move(c));
    cases = std::move(others);
  }
  return by_op;
}

}  // namespace ipa

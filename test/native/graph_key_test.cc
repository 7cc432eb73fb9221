// Graphs whose programs may run as one.
#include "graph/graph_key.h"
#include "harness.h"

namespace {

using ipa::Graph;
using ipa::graph_key;
using ipa::ParamSet;
using ipa::Value;

struct Sizes {
  int64_t batch = 2, rows = 6;
  ipa::Activation activation = ipa::Activation::silu;
  bool branch = false;
};

ipa::GraphKey key_of(ParamSet& params, const Sizes& sizes) {
  Graph graph(&params);
  const Value x = graph.input({sizes.batch, 1, sizes.rows, 16});
  const Value k = graph.linear(x, "k", 16);
  const Value kv = graph.pack_kv(k, k, 2);
  std::vector<Graph::Branch> branches;
  if (sizes.branch) branches.push_back({kv, graph.input({sizes.batch, 1, 1, 1})});
  const Value q = graph.linear_activation(x, "q", 16, sizes.activation);
  graph.output(graph.attention(q, kv, branches));
  CHECK_OK(graph.status());
  return graph_key(graph);
}

TEST_ONCE(graph_key_tells_graphs_apart) {
  ParamSet params, others;
  const ipa::GraphKey key = key_of(params, {});
  CHECK(key == key_of(params, {}));
  CHECK(key != key_of(others, {}));  // other weights of the same names
  CHECK(key != key_of(params, {3, 6}));
  CHECK(key != key_of(params, {2, 7}));
  CHECK(key != key_of(params, {2, 6, ipa::Activation::gelu}));
  CHECK(key != key_of(params, {2, 6, ipa::Activation::silu, true}));
}

}  // namespace

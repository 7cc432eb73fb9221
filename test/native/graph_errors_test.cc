// Shapes that do not fit are reported when a plan is made; nothing is run on them.
#include <functional>

#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Graph;
using ipa::Value;

// `describe` records something wrong; the plan must say so, as a bug of whoever described it.
void check_refused(const std::string& word, const std::function<Value(Graph&)>& describe,
                   ipa::Code code = ipa::Code::internal) {
  const ipa::CpuBackend backend(ipa_test::test_kernels(), 1);
  ipa::ParamSet params;
  Graph graph(&params);
  graph.output(describe(graph));
  const auto plan = ipa::Plan::make(std::move(graph), backend);
  CHECK(!plan.ok());
  CHECK(plan.status().code() == code);
  if (plan.status().text().find(word) == std::string::npos)
    ipa_test::fail(__FILE__, __LINE__, "\"" + plan.status().text() + "\" does not say \"" + word + "\"");
}

TEST_ONCE(graph_refuses_shapes_that_do_not_fit) {
  // Which pictures a network can take is its configuration's doing, and the caller's.
  check_refused(
      "down", [](Graph& g) { return g.conv2d(g.input({1, 2, 5, 3}), "down", 4, {3, 3, 1, 0, 0, 0, 0}); },
      ipa::Code::invalid_option);
  check_refused("norm", [](Graph& g) { return g.group_norm(g.input({1, 2, 5, 10}), "norm", 3, 1e-5f); });
  check_refused("norm", [](Graph& g) { return g.group_norm(g.input({1, 2, 5, 10}), "norm", 0, 1e-5f); });
  check_refused("add", [](Graph& g) { return g.add(g.input({1, 2, 5, 10}), g.input({1, 2, 5, 9})); });
  check_refused("add", [](Graph& g) { return g.add(g.input({3, 2, 5, 10}), g.input({2, 2, 5, 10})); });
  check_refused("add", [](Graph& g) { return g.add(g.input({3, 2, 5, 10}), g.input({2, 1, 1, 10})); });
  check_refused("add", [](Graph& g) { return g.add(g.input({1, 1, 1, 10}), g.input({3, 1, 1, 10})); });
  check_refused("concat_channels",
                [](Graph& g) { return g.concat_channels(g.input({1, 2, 5, 10}), g.input({1, 5, 2, 10})); });
  check_refused("concat_tokens",
                [](Graph& g) { return g.concat_tokens(g.input({1, 1, 5, 10}), g.input({1, 1, 5, 9})); });
  check_refused("concat_tokens",
                [](Graph& g) { return g.concat_tokens(g.input({1, 1, 5, 10}), g.input({2, 1, 5, 10})); });
  for (const auto& part : {std::pair<int64_t, int64_t>{-1, 3}, {0, 0}, {8, 3}, {0, 11}})
    check_refused("slice_channels", [&](Graph& g) {
      return g.silu(g.slice_channels(g.input({1, 2, 5, 10}), part.first, part.second));
    });
  check_refused("reshape", [](Graph& g) { return g.silu(g.reshape(g.input({1, 2, 5, 10}), {1, 1, 11, 10})); });
  check_refused("reshape", [](Graph& g) {
    return g.silu(g.reshape(g.slice_channels(g.input({1, 2, 5, 10}), 0, 5), {1, 1, 10, 5}));
  });
  check_refused("pack_kv",
                [](Graph& g) { return g.pack_kv(g.input({1, 1, 5, 10}), g.input({1, 1, 5, 10}), 3); });
  check_refused("pack_kv",
                [](Graph& g) { return g.pack_kv(g.input({1, 1, 5, 10}), g.input({1, 1, 6, 10}), 2); });
  check_refused("pack_kv",
                [](Graph& g) { return g.pack_kv(g.input({1, 1, 5, 10}), g.input({1, 1, 5, 10}), 0); });
  check_refused("attention",
                [](Graph& g) { return g.attention(g.input({1, 1, 5, 12}), g.packed_kv_input({1, 7, 2, 5})); });
  check_refused("attention",
                [](Graph& g) { return g.attention(g.input({2, 1, 5, 10}), g.packed_kv_input({1, 7, 2, 5})); });
  check_refused("causal", [](Graph& g) {
    return g.attention(g.input({1, 1, 7, 10}), g.packed_kv_input({1, 7, 2, 5}),
                       {{g.packed_kv_input({1, 4, 2, 5}), g.input({1, 1, 1, 1})}}, true);
  });
  check_refused("table", [](Graph& g) { return g.param_rows("table", {4, 10}, 5, 10, 1); });
  check_refused("batch", [](Graph& g) {
    return g.attention(g.input({2, 1, 5, 10}), g.packed_kv_input({2, 7, 2, 5}),
                       {{g.packed_kv_input({1, 7, 2, 5}), g.input({1, 1, 1, 1})}});
  });
  check_refused("attention", [](Graph& g) {
    return g.attention(g.input({1, 1, 5, 10}), g.packed_kv_input({1, 7, 2, 5}),
                       {{g.packed_kv_input({1, 7, 5, 2}), g.input({1, 1, 1, 1})}});
  });
}

TEST_ONCE(graph_refuses_a_parameter_of_two_shapes) {
  check_refused("twice",
                [](Graph& g) { return g.linear(g.linear(g.input({1, 1, 5, 12}), "twice", 9), "twice", 9); });
}

TEST_ONCE(graph_refuses_outputs_that_no_step_computes) {
  check_refused("output", [](Graph& g) { return g.input({1, 1, 5, 12}); });
  check_refused("output", [](Graph& g) { return g.slice_channels(g.silu(g.input({1, 1, 5, 12})), 0, 3); });
  check_refused("output", [](Graph& g) { return g.reshape(g.silu(g.input({1, 1, 5, 12})), {1, 5, 1, 12}); });
}

TEST_ONCE(graph_reports_the_first_mistake) {
  check_refused("group", [](Graph& g) {
    return g.add(g.group_norm(g.input({1, 2, 5, 10}), "a", 3, 1e-5f), g.input({1, 1, 1, 3}));
  });
}

}  // namespace

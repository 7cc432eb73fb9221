// Fused plans compute what their ops compute one by one, and really have fewer steps.
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Activation;
using ipa::Value;
using ipa_test::check_fusion;
using ipa_test::GraphRig;

TEST(graph_fuses_linear_with_every_activation) {
  for (Activation kind : {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::quick_gelu})
    check_fusion("linear, activation", 1, [&](GraphRig& rig) {
      return rig.graph.linear_activation(rig.input({2, 1, 13, 37}), "a", 71, kind);
    });
}

TEST(graph_fuses_residual_in_both_operand_orders) {
  for (bool residual_first : {false, true}) {
    check_fusion("linear + residual", 1, [&](GraphRig& rig) {
      const Value x = rig.input({2, 1, 9, 20}), other = rig.input({2, 1, 9, 67});
      const Value y = rig.graph.linear(x, "a", 67);
      return residual_first ? rig.graph.add(other, y) : rig.graph.add(y, other);
    });
    check_fusion("convolution + residual", 1, [&](GraphRig& rig) {
      const Value x = rig.input({2, 5, 7, 12}), other = rig.input({2, 5, 7, 35});
      const Value y = rig.graph.conv2d(x, "a", 35);
      return residual_first ? rig.graph.add(other, y) : rig.graph.add(y, other);
    });
    check_fusion("geglu + residual", 1, [&](GraphRig& rig) {
      const Value x = rig.input({2, 1, 9, 20}), other = rig.input({2, 1, 9, 41});
      const Value y = rig.graph.geglu_linear(x, "a", 41);
      return residual_first ? rig.graph.add(other, y) : rig.graph.add(y, other);
    });
  }
}

TEST(graph_fuses_activation_then_residual) {
  check_fusion("linear, silu, + residual", 1, [](GraphRig& rig) {
    const Value x = rig.input({3, 1, 5, 18}), other = rig.input({3, 1, 5, 33});
    return rig.graph.add(rig.graph.silu(rig.graph.linear(x, "a", 33)), other);
  });
}

TEST(graph_keeps_activation_after_residual_a_step) {
  check_fusion("linear + residual, silu", 2, [](GraphRig& rig) {
    const Value x = rig.input({3, 1, 5, 18}), other = rig.input({3, 1, 5, 33});
    return rig.graph.silu(rig.graph.add(rig.graph.linear(x, "a", 33), other));
  });
}

TEST(graph_fuses_residual_that_is_another_product) {
  // A resnet block whose shortcut is a convolution of its own.
  check_fusion("two convolutions", 2, [](GraphRig& rig) {
    const Value x = rig.input({2, 6, 5, 10});
    const Value shortcut = rig.graph.conv1x1(x, "shortcut", 21);
    return rig.graph.add(shortcut, rig.graph.conv2d(x, "conv", 21));
  });
  check_fusion("two linears", 2, [](GraphRig& rig) {
    const Value x = rig.input({2, 1, 6, 10});
    return rig.graph.add(rig.graph.linear(x, "a", 21), rig.graph.linear(x, "b", 21));
  });
  check_fusion("three linears", 3, [](GraphRig& rig) {
    const Value x = rig.input({2, 1, 6, 10});
    const Value a = rig.graph.linear(x, "a", 21), b = rig.graph.linear(x, "b", 21),
                c = rig.graph.linear(x, "c", 21);
    return rig.graph.add(rig.graph.add(b, c), a);
  });
}

TEST(graph_fuses_item_bias_and_activation) {
  check_fusion("convolution + item bias, silu", 1, [](GraphRig& rig) {
    const Value x = rig.input({3, 4, 5, 12}), bias = rig.input({3, 1, 1, 37});
    return rig.graph.silu(rig.graph.add(rig.graph.conv2d(x, "a", 37), bias));
  });
  check_fusion("item bias for all items", 1, [](GraphRig& rig) {
    const Value x = rig.input({3, 4, 5, 12}), bias = rig.input({1, 1, 1, 37});
    return rig.graph.silu(rig.graph.add(rig.graph.conv2d(x, "a", 37), bias));
  });
  check_fusion("item bias that is a slice", 2, [](GraphRig& rig) {
    const Value x = rig.input({3, 4, 5, 12}), time = rig.graph.linear(rig.input({3, 1, 1, 8}), "time", 100);
    return rig.graph.add(rig.graph.conv2d(x, "a", 37), rig.graph.slice_channels(time, 41, 37));
  });
  check_fusion("item bias, silu, residual", 1, [](GraphRig& rig) {
    const Value x = rig.input({2, 4, 5, 12}), bias = rig.input({2, 1, 1, 19}), other = rig.input({2, 4, 5, 19});
    return rig.graph.add(other, rig.graph.silu(rig.graph.add(rig.graph.conv2d(x, "a", 19), bias)));
  });
  check_fusion("residual then item bias", 2, [](GraphRig& rig) {
    const Value x = rig.input({2, 4, 5, 12}), bias = rig.input({2, 1, 1, 19}), other = rig.input({2, 4, 5, 19});
    return rig.graph.add(rig.graph.add(rig.graph.conv2d(x, "a", 19), other), bias);
  });
}

TEST(graph_fuses_position_table) {
  check_fusion("patches + positions", 2, [](GraphRig& rig) {
    const Value x = rig.input({3, 1, 17, 30});
    return rig.graph.add(rig.graph.linear(x, "a", 50), rig.graph.param_rows("table", {17, 50}, 17, 50, 1));
  });
  // The table is the first operand of a single item: nothing to broadcast.
  check_fusion("positions + patches", 2, [](GraphRig& rig) {
    const Value x = rig.input({1, 1, 17, 30});
    return rig.graph.add(rig.graph.param_rows("table", {17, 50}, 17, 50, 1), rig.graph.linear(x, "a", 50));
  });
  // Here it is the linear that is broadcast, so it must stay a step.
  check_fusion("broadcast product", 3, [](GraphRig& rig) {
    const Value x = rig.input({1, 1, 17, 30});
    return rig.graph.add(rig.graph.param_rows("table", {17, 50}, 17, 50, 3), rig.graph.linear(x, "a", 50));
  });
}

TEST(graph_fuses_group_norm_with_activation) {
  check_fusion("group norm, silu", 1, [](GraphRig& rig) {
    return rig.graph.silu(rig.graph.group_norm(rig.input({2, 9, 15, 24}), "a", 8, 1e-5f));
  });
  check_fusion("layer norm, silu", 2, [](GraphRig& rig) {
    return rig.graph.silu(rig.graph.layer_norm(rig.input({2, 1, 15, 24}), "a", 1e-5f));
  });
}

TEST(graph_fuses_upsample_into_convolution) {
  check_fusion("twice the size", 1, [](GraphRig& rig) {
    return rig.graph.conv2d(rig.graph.upsample(rig.input({2, 5, 4, 11}), 10, 8), "a", 19);
  });
  check_fusion("odd sizes", 1, [](GraphRig& rig) {
    return rig.graph.conv2d(rig.graph.upsample(rig.input({2, 5, 4, 11}), 9, 7), "a", 19);
  });
  check_fusion("upsample used twice", 3, [](GraphRig& rig) {
    const Value large = rig.graph.upsample(rig.input({2, 3, 4, 11}), 6, 8);
    return rig.graph.add(rig.graph.conv2d(large, "a", 11), rig.graph.conv2d(large, "b", 11));
  });
  check_fusion("upsample of a slice", 1, [](GraphRig& rig) {
    const Value x = rig.graph.slice_channels(rig.input({2, 3, 4, 30}), 7, 12);
    return rig.graph.silu(rig.graph.conv2d(rig.graph.upsample(x, 6, 8), "a", 11));
  });
}

TEST(graph_keeps_values_that_are_used_twice) {
  check_fusion("linear used twice", 4, [](GraphRig& rig) {
    const Value y = rig.graph.linear(rig.input({2, 1, 7, 12}), "a", 29);
    return rig.graph.linear(rig.graph.add(rig.graph.silu(y), y), "b", 5);
  });
  check_fusion("added to itself", 2, [](GraphRig& rig) {
    const Value y = rig.graph.linear(rig.input({2, 1, 7, 12}), "a", 29);
    return rig.graph.add(y, y);
  });
  check_fusion("added to a view of itself", 2, [](GraphRig& rig) {
    const Value y = rig.graph.linear(rig.input({2, 1, 6, 12}), "a", 29);
    return rig.graph.add(rig.graph.reshape(y, {2, 1, 6, 29}), y);
  });
}

TEST(graph_keeps_outputs) {
  GraphRig rig(3);
  const Value y = rig.output(rig.graph.linear(rig.input({2, 1, 7, 12}), "a", 29));
  const Value z = rig.output(rig.graph.silu(y));
  const Value w = rig.output(rig.graph.add(z, y));
  rig.output(rig.graph.linear(w, "b", 12));
  rig.check("every value an output");
  CHECK_EQ(rig.steps(), 4);
}

TEST(graph_fuses_a_chain_of_blocks) {
  check_fusion("resnet block, attention block", 14, [](GraphRig& rig) {
    ipa::Graph& g = rig.graph;
    const Value x = rig.input({2, 6, 5, 16}), time = rig.input({2, 1, 1, 12});
    const Value bias = g.linear(g.silu(time), "time", 24);
    Value h = g.silu(g.group_norm(x, "norm1", 4, 1e-5f));
    h = g.silu(g.group_norm(g.add(g.conv2d(h, "conv1", 24), bias), "norm2", 4, 1e-5f));
    h = g.add(g.conv1x1(x, "shortcut", 24), g.conv2d(h, "conv2", 24));
    const Value tokens = g.reshape(h, {2, 1, 30, 24});
    const Value q = g.linears(g.layer_norm(tokens, "norm3", 1e-5f), {"q", "k", "v"}, 24, false);
    const Value kv = g.pack_kv(g.slice_channels(q, 24, 24), g.slice_channels(q, 48, 24), 3);
    const Value attended = g.attention(g.slice_channels(q, 0, 24), kv);
    h = g.add(g.linear(attended, "out", 24), tokens);
    return g.linear(g.geglu_linear(h, "proj", 48), "down", 24);
  });
}

}  // namespace

// Norms, and ops that go over rows: their work is memory.
#include <cmath>

#include "check/check_case.h"

namespace ipa {
namespace {

std::string shape_text(const Shape& shape) {
  return std::to_string(shape.n) + " x " + std::to_string(shape.h) + " x " + std::to_string(shape.w) + " x " +
         std::to_string(shape.c);
}

}  // namespace

CheckCase rows_case(const char* op, const Shape& shape, const char* what, double passes,
                    std::function<Value(CheckSketch&, Value)> describe, float reach) {
  CheckCase c;
  c.op = op;
  c.size = shape_text(shape) + what;
  c.describe = [shape, describe, reach](CheckSketch& s) { s.output(describe(s, s.input(shape, reach))); };
  c.elements = passes * static_cast<double>(shape.elements());
  return c;
}

CheckCase activation_case(const Shape& shape, Activation activation, const char* what, float reach) {
  return rows_case(
      "activation", shape, what, 2,
      [activation](CheckSketch& s, Value x) { return s.graph.activate(x, activation); }, reach);
}

namespace {

CheckCase group_norm_case(const Shape& shape, int groups, bool silu) {
  return rows_case("group_norm", shape, silu ? ", SiLU" : "", 3, [groups, silu](CheckSketch& s, Value x) {
    const Value y = s.graph.group_norm(x, "norm", groups, 1e-5f);
    return silu ? s.graph.silu(y) : y;
  });
}

CheckCase layer_norm_case(const Shape& shape) {
  return rows_case("layer_norm", shape, "", 2,
                   [](CheckSketch& s, Value x) { return s.graph.layer_norm(x, "norm", 1e-5f); });
}

CheckCase sum_case(const Shape& shape, const Shape& other, const char* what) {
  return rows_case("add", shape, what, 3,
                   [other](CheckSketch& s, Value x) { return s.graph.add(x, s.input(other)); });
}

// Of every square of four tokens the first, and one that is almost it, become one; the other two are like nothing else.
std::vector<float> likely_tokens(CheckSketch& s, const Shape& shape) {
  std::vector<float> numbers(static_cast<size_t>(shape.elements()));
  for (float& x : numbers) x = s.draw();
  const auto at = [&](int64_t n, int64_t y, int64_t x, int64_t c) -> float& {
    return numbers[static_cast<size_t>(((n * shape.h + y) * shape.w + x) * shape.c + c)];
  };
  for (int64_t n = 0; n < shape.n; ++n)
    for (int64_t y = 0; y + 1 < shape.h; y += 2)
      for (int64_t x = 0; x + 1 < shape.w; x += 2)
        for (int64_t c = 0; c < shape.c; ++c) at(n, y + 1, x + 1, c) = at(n, y, x, c) * (c % 7 ? 1.0f : 0.5f);
  return numbers;
}

// A quarter of the tokens, told back to where they were: the order of those left does not matter.
CheckCase token_merging_case(const Shape& shape) {
  CheckCase c;
  c.op = "token_merging";
  c.size = shape_text(shape);
  c.describe = [shape](CheckSketch& s) {
    const Value x = s.input(shape, likely_tokens(s, shape));
    const Value map = s.graph.token_map(x, 0.25);
    s.output(s.graph.gather_rows(s.graph.merge_rows(x, map), map));
  };
  return c;
}

void add_norms(std::vector<CheckCase>& cases) {
  cases.push_back(group_norm_case({2, 9, 7, 64}, 32, true));
  cases.push_back(group_norm_case({1, 16, 17, 96}, 8, false));
  cases.push_back(layer_norm_case({2, 1, 77, 320}));
  cases.push_back(layer_norm_case({1, 1, 5, 1280}));
}

void add_elementwise(std::vector<CheckCase>& cases) {
  const Shape shape{1, 3, 11, 40};
  cases.push_back(activation_case(shape, Activation::silu, ", SiLU"));
  cases.push_back(activation_case(shape, Activation::gelu, ", GELU"));
  cases.push_back(activation_case(shape, Activation::gelu_tanh, ", GELU by tanh"));
  cases.push_back(activation_case(shape, Activation::quick_gelu, ", quick GELU"));
  cases.push_back(sum_case({2, 5, 7, 40}, {2, 5, 7, 40}, ""));
  cases.push_back(sum_case({2, 5, 7, 40}, {2, 1, 1, 40}, ", a row an item"));
  cases.push_back(sum_case({2, 5, 7, 40}, {1, 5, 7, 40}, ", one item for all"));
}

CheckCase with_table(CheckCase c) {
  c.has_tables = true;
  return c;
}

void add_copies(std::vector<CheckCase>& cases) {
  const Shape shape{2, 5, 7, 40};
  cases.push_back(rows_case("concat_channels", shape, " + 24", 4, [shape](CheckSketch& s, Value x) {
    return s.graph.concat_channels(x, s.input(shape.with_channels(24)));
  }));
  cases.push_back(rows_case("concat_tokens", {2, 1, 30, 40}, " + 7", 4, [](CheckSketch& s, Value x) {
    return s.graph.concat_tokens(x, s.input({2, 1, 7, 40}));
  }));
  cases.push_back(rows_case("slice_channels", shape, " to 16", 2,
                            [](CheckSketch& s, Value x) { return s.graph.slice_channels(x, 8, 16); }));
  cases.push_back(rows_case("upsample", shape, " to 11 x 13", 3,
                            [](CheckSketch& s, Value x) { return s.graph.upsample(x, 11, 13); }));
  cases.push_back(rows_case("gather_rows", {1, 1, 30, 40}, " by 50 ids", 4, [](CheckSketch& s, Value x) {
    return s.graph.gather_rows(x, s.ids({1, 1, 50, 1}, 30));
  }));
  cases.push_back(with_table(rows_case("embedding", {2, 1, 9, 40}, " of 60", 2, [](CheckSketch& s, Value x) {
    return s.graph.add(x, s.graph.embedding(s.ids({2, 1, 9, 1}, 60), "table", 60, 40));
  })));
  cases.push_back(with_table(rows_case("param_rows", {2, 1, 9, 40}, "", 2, [](CheckSketch& s, Value x) {
    return s.graph.add(x, s.graph.param_rows("rows", {9, 40}, 9, 40, 2));
  })));
  cases.push_back(token_merging_case({2, 8, 10, 40}));
}

void add_real_rows(std::vector<CheckCase>& cases) {
  cases.push_back(group_norm_case({2, 64, 64, 320}, 32, true));
  cases.push_back(group_norm_case({2, 128, 128, 320}, 32, true));
  cases.push_back(layer_norm_case({2, 1, 4096, 320}));
  cases.push_back(layer_norm_case({2, 1, 4096, 640}));
  cases.push_back(activation_case({2, 128, 128, 320}, Activation::silu, ", SiLU"));
  cases.push_back(sum_case({2, 128, 128, 320}, {2, 128, 128, 320}, ""));
  cases.push_back(rows_case("concat_channels", {2, 128, 128, 320}, " + 320", 4, [](CheckSketch& s, Value x) {
    return s.graph.concat_channels(x, s.input({2, 128, 128, 320}));
  }));
  cases.push_back(token_merging_case({2, 64, 64, 320}));
}

}  // namespace

void add_row_cases(bool real, std::vector<CheckCase>& cases) {
  if (real) return add_real_rows(cases);
  add_norms(cases);
  add_elementwise(cases);
  add_copies(cases);
}

std::vector<CheckCase> check_cases(bool with_real) {
  std::vector<CheckCase> cases;
  for (const bool real : {false, true}) {
    if (real && !with_real) break;
    const size_t first = cases.size();
    add_product_cases(real, cases);
    add_attention_cases(real, cases);
    add_row_cases(real, cases);
    for (size_t i = first; i < cases.size(); ++i) cases[i].is_real = real;
  }
  return cases;
}

}  // namespace ipa

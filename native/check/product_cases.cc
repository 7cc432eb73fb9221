// Products: linear layers, with gates, and convolutions.
#include "check/check_case.h"

namespace ipa {
namespace {

std::string count_text(int64_t number) { return std::to_string(number); }

CheckCase product_case(const char* op, std::string size, double flops,
                       std::function<void(CheckSketch&)> describe) {
  CheckCase c;
  c.op = op;
  c.size = std::move(size);
  c.describe = std::move(describe);
  c.flops = flops;
  c.has_weights = true;
  return c;
}

// Of `outputs` linear layers over the same rows; `times`: how the size says so.
CheckCase layers_case(const char* op, const LinearSize& l, int outputs, const char* times,
                      std::function<void(CheckSketch&)> describe) {
  const std::string size =
      count_text(l.items * l.rows) + " x " + count_text(l.in) + " to " + times + count_text(l.out) + l.what;
  const double flops = 2.0 * outputs * static_cast<double>(l.items * l.rows * l.in * l.out);
  return product_case(op, size, flops, std::move(describe));
}

Value rows_of(CheckSketch& s, const LinearSize& l) { return s.input(tokens_shape(l.items, l.rows, l.in)); }

}  // namespace

CheckCase linear_case(const LinearSize& l, Finish finish) {
  return layers_case("linear", l, 1, "", [l, finish](CheckSketch& s) {
    const Value x = rows_of(s, l);
    const Value y = s.graph.linear(x, "layer", l.out);
    s.output(finish ? finish(s, x, y) : y);
  });
}

namespace {

CheckCase stacked_case(const LinearSize& l) {
  return layers_case("linear", l, 3, "3 x ", [l](CheckSketch& s) {
    s.output(s.graph.linears(rows_of(s, l), {"q", "k", "v"}, l.out, false));
  });
}

CheckCase geglu_case(const LinearSize& l) {
  return layers_case("geglu_linear", l, 2, "",
                     [l](CheckSketch& s) { s.output(s.graph.geglu_linear(rows_of(s, l), "gate", l.out)); });
}

double conv_flops(const ConvSize& c) {
  const int64_t h = c.in.h * c.enlarged / c.conv.stride, w = c.in.w * c.enlarged / c.conv.stride;
  return 2.0 * static_cast<double>(c.in.n * h * w * c.in.c * c.out * c.conv.kernel_h * c.conv.kernel_w);
}

}  // namespace

CheckCase conv_case(const ConvSize& c, Finish finish) {
  const std::string size = count_text(c.in.n) + " x " + count_text(c.in.h) + " x " + count_text(c.in.w) + ", " +
                           count_text(c.in.c) + " to " + count_text(c.out) + c.what;
  return product_case("conv2d", size, conv_flops(c), [c, finish](CheckSketch& s) {
    const Value x = s.input(c.in);
    s.graph.set_wrap(c.wrap);
    const Value wide = c.enlarged == 1 ? x : s.graph.upsample(x, c.in.h * c.enlarged, c.in.w * c.enlarged);
    const Value y = s.graph.conv2d(wide, "conv", c.out, c.conv);
    s.output(finish ? finish(s, x, y) : y);
  });
}

namespace {

Value with_silu(CheckSketch& s, Value, Value y) { return s.graph.silu(y); }
Value with_residual(CheckSketch& s, Value x, Value y) { return s.graph.add(y, x); }
// As a residual block adds its time embedding, a row an item, and activates the sum.
Value with_item_bias(CheckSketch& s, Value, Value y) {
  const Shape& shape = s.graph.shape(y);
  return s.graph.silu(s.graph.add(y, s.input({shape.n, 1, 1, shape.c})));
}

constexpr Conv one_by_one = {1, 1, 1, 0, 0, 0, 0}, halving = {3, 3, 2, 1, 1, 1, 1},
               vae_halving = {3, 3, 2, 0, 0, 1, 1};

void add_small_products(std::vector<CheckCase>& cases) {
  cases.push_back(linear_case({"", 2, 77, 320, 136}));
  cases.push_back(linear_case({", odd sizes", 1, 67, 100, 51}));
  cases.push_back(linear_case({", one row", 1, 1, 1280, 72}));
  cases.push_back(linear_case({", SiLU", 1, 130, 64, 72}, with_silu));
  cases.push_back(linear_case({", residual", 2, 65, 136, 136}, with_residual));
  cases.push_back(stacked_case({", stacked", 1, 70, 64, 40}));
  cases.push_back(geglu_case({"", 1, 70, 64, 96}));
  cases.push_back(conv_case({", 3 x 3", {2, 9, 11, 24}, 40}));
  cases.push_back(conv_case({", 3 x 3, of the latents", {1, 8, 8, 4}, 64}));
  cases.push_back(conv_case({", 3 x 3, to the latents", {1, 8, 8, 64}, 4}));
  cases.push_back(conv_case({", 3 x 3, time and SiLU", {2, 8, 8, 32}, 32}, with_item_bias));
  cases.push_back(conv_case({", 3 x 3, residual", {1, 8, 7, 40}, 40}, with_residual));
  cases.push_back(conv_case({", stride 2", {2, 10, 12, 32}, 48, halving}));
  cases.push_back(conv_case({", stride 2, uneven", {1, 9, 8, 32}, 48, vae_halving}));
  cases.push_back(conv_case({", 1 x 1", {2, 7, 9, 72}, 40, one_by_one}));
  cases.push_back(conv_case({", enlarged", {1, 5, 6, 32}, 40, {}, {}, 2}));
  cases.push_back(conv_case({", wrapped", {1, 7, 9, 24}, 40, {}, {true, true}}));
}

void add_real_products(std::vector<CheckCase>& cases) {
  cases.push_back(linear_case({"", 2, 4096, 320, 320}));
  cases.push_back(linear_case({"", 2, 1024, 1280, 1280}));
  cases.push_back(linear_case({"", 2, 1024, 5120, 1280}));
  cases.push_back(geglu_case({"", 2, 4096, 320, 1280}));
  cases.push_back(geglu_case({"", 2, 1024, 1280, 5120}));
  cases.push_back(conv_case({", 3 x 3", {2, 64, 64, 320}, 320}));
  cases.push_back(conv_case({", 3 x 3", {2, 32, 32, 640}, 640}));
  cases.push_back(conv_case({", 3 x 3", {2, 16, 16, 1280}, 1280}));
  cases.push_back(conv_case({", 3 x 3", {2, 8, 8, 2560}, 1280}));
  cases.push_back(conv_case({", 3 x 3", {1, 256, 256, 128}, 128}));
  cases.push_back(conv_case({", stride 2", {2, 64, 64, 320}, 320, halving}));
  cases.push_back(conv_case({", enlarged", {2, 16, 16, 1280}, 1280, {}, {}, 2}));
  cases.push_back(conv_case({", 1 x 1", {2, 64, 64, 320}, 320, one_by_one}));
}

}  // namespace

void add_product_cases(bool real, std::vector<CheckCase>& cases) {
  real ? add_real_products(cases) : add_small_products(cases);
}

}  // namespace ipa

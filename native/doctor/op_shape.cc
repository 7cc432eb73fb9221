#include "doctor/op_shape.h"

#include <algorithm>
#include <cmath>

#include "cpu/kernels/kernels.h"
#include "cpu/pack/winograd.h"
#include "doctor/step_flops.h"
#include "graph/op_traits.h"

namespace ipa {
namespace {

double flops_of(const OpShape& shape) {
  const auto rows = static_cast<double>(shape.out.rows()), columns = static_cast<double>(shape.out.c);
  if (shape.op == Op::attention) {
    double tokens = 0;
    for (const int64_t count : shape.tokens) tokens += static_cast<double>(count);
    return 4 * rows * columns * tokens;
  }
  const double taps = shape.op == Op::conv2d ? shape.conv.kernel_h * shape.conv.kernel_w : 1;
  return (shape.op == Op::geglu_linear ? 4 : 2) * rows * columns * taps * static_cast<double>(shape.in.c);
}

// A side of a picture, in whole tiles of Winograd's algorithm, also where it was half as long before; not so short that edges count.
constexpr int64_t side_unit = 8, least_side = 16;
// What several threads share evenly, and what uses a weight as often as a large product does.
constexpr int64_t least_rows = 4 * gemm_block_rows, least_queries = 4 * attention_query_block;
// Of one head more are in no cache, either.
constexpr int64_t most_tokens = 4096;
constexpr int64_t least_columns = 4 * widest_panel;

int64_t scaled(int64_t count, double share, int64_t unit, int64_t least) {
  const auto wanted = static_cast<int64_t>(static_cast<double>(count) * share) / unit * unit;
  return std::min(count, std::max(least, wanted));
}

}  // namespace

OpShape::OpShape(const Step& step)
    : op(step.node->op),
      winograd(winograd_outputs(step) != 0),
      in(step.input_shapes.empty() ? step.out_shape : step.input_shapes[0]),
      out(step.out_shape),
      conv(step.node->conv),
      upsample_h(step.upsample_h),
      upsample_w(step.upsample_w),
      heads(step.node->kv.heads) {
  bf16_input = !step.input_storages.empty() && step.input_storages[0] == Storage::bf16;
  if (op_traits(op).product) {
    compute = step.node->params[0]->compute;
    halves = step.node->params[0]->halves;
    // A linear of every pixel.
    if (op == Op::conv2d && conv.kernel_h == 1 && conv.kernel_w == 1 && conv.stride == 1 && !upsample_h)
      op = Op::linear;
  }
  if (op == Op::attention || op == Op::pack_kv) compute = step.node->kv.compute;
  if (op == Op::attention)
    for (const size_t part : attention_parts(step.input_shapes.size()))
      tokens.push_back(step.input_shapes[part].rows_per_item());
  if (multiplies()) return;
  bf16_input = false;
  // What is no norm moves numbers from and to memory, as a sum does.
  if (op == Op::group_norm || op == Op::layer_norm) return;
  op = Op::add;
  compute = Compute::f32;
}

double OpShape::work() const { return multiplies() ? flops_of(*this) : static_cast<double>(out.elements()); }

OpShape OpShape::with_work(double most) const {
  OpShape small = *this;
  double share = most / work();
  if (share >= 1) return small;
  if (op == Op::conv2d) {
    // One picture of a batch, then a part of it.
    small.in.n = small.out.n = 1;
    share *= static_cast<double>(out.n);
    small.set_size(std::sqrt(std::min(share, 1.0)));
    return small;
  }
  if (op == Op::attention) {
    small.heads = std::min(heads, 2);
    for (int64_t& count : small.tokens) {
      share *= static_cast<double>(count) / static_cast<double>(std::min(count, most_tokens));
      count = std::min(count, most_tokens);
    }
    const double fewer = static_cast<double>(out.n) * heads / small.heads;
    const int64_t queries = scaled(out.rows_per_item(), share * fewer, attention_query_block, least_queries);
    small.out = small.in = tokens_shape(1, queries, out.c / heads * small.heads);
    return small;
  }
  const int64_t rows = scaled(out.rows(), share, gemm_block_rows, least_rows);
  small.in = tokens_shape(1, rows, in.c);
  share *= static_cast<double>(out.rows()) / static_cast<double>(rows);
  small.out = tokens_shape(1, rows, multiplies() ? scaled(out.c, share, widest_panel, least_columns) : out.c);
  return small;
}

void OpShape::set_size(double share) {
  const auto side = [&](int64_t stored, int64_t enlarged, int64_t kernel, int64_t padding, int64_t& in_side,
                        int64_t& enlarged_side) {
    const int64_t seen = enlarged ? enlarged : stored, wanted = scaled(seen, share, side_unit, least_side);
    in_side = std::max<int64_t>(1, stored * wanted / seen);
    enlarged_side = enlarged ? wanted : 0;
    return (wanted + padding - kernel) / conv.stride + 1;
  };
  out.h = side(in.h, upsample_h, conv.kernel_h, conv.pad_top + conv.pad_bottom, in.h, upsample_h);
  out.w = side(in.w, upsample_w, conv.kernel_w, conv.pad_left + conv.pad_right, in.w, upsample_w);
}

std::string OpShape::kind() const {
  std::string kind = op_traits(op).name + std::string(winograd ? " winograd " : " ") +
                     std::to_string(static_cast<int>(compute)) + (halves ? "h" : "");
  if (op == Op::attention) {
    kind += " " + std::to_string(out.c / heads);
    for (const int64_t count : tokens) kind += " " + std::to_string(count);
  } else if (op == Op::conv2d || op == Op::linear || op == Op::geglu_linear) {
    kind += " " + std::to_string(out.rows_per_item());
  }
  return kind;
}

std::string OpShape::text() const {
  std::string text = kind() + (bf16_input ? " from bf16" : "");
  for (const Shape& shape : {in, out})
    for (const int64_t size : {shape.n, shape.h, shape.w, shape.c}) text += " " + std::to_string(size);
  for (const int64_t number :
       {int64_t{conv.kernel_h}, int64_t{conv.kernel_w}, int64_t{conv.stride}, upsample_h, upsample_w})
    text += " " + std::to_string(number);
  return text;
}

}  // namespace ipa

#include "cpu/kernels/plain_product.h"

#include <algorithm>
#include <cstring>

#include "base/aligned_buffer.h"

namespace ipa {
namespace {

// Columns [first, first + columns) of b, with zeros up to `width`.
void pack_columns(const ProductTerms& terms, int64_t first, int64_t columns, int64_t width, float* to) {
  const auto bytes = static_cast<size_t>(columns) * sizeof(float);
  for (int64_t row = 0; row < terms.k; ++row, to += width) {
    std::memcpy(to, terms.b + row * terms.n + first, bytes);
    std::fill(to + columns, to + width, 0.0f);
  }
}

}  // namespace

Status add_product(const Kernels& kernels, const ProductTerms& terms) {
  const int64_t panel = kernels.panels.panel;
  // Nothing is widened from halves.
  const auto scratch_floats = static_cast<size_t>(gemm_block_rows * panel);
  AlignedBuffer packed(static_cast<size_t>(terms.k * panel) * sizeof(float));
  AlignedBuffer scratch(scratch_floats * sizeof(float));
  if (!packed || !scratch) return Status(Code::no_memory, "out of memory");
  auto* b = reinterpret_cast<float*>(packed.data());
  for (int64_t first = 0; first < terms.n; first += panel) {
    const int64_t columns = std::min(panel, terms.n - first);
    pack_columns(terms, first, columns, kernels.panels.width(columns, 0), b);
    GemmArgs g;
    g.a = terms.a;
    g.a_stride = g.k = terms.k;
    g.m = terms.m;
    g.n = columns;
    g.b = b;
    g.c = terms.c + first;
    g.c_stride = terms.n;
    g.residual = g.c;
    g.residual_stride = terms.n;
    g.block_rows = std::min(gemm_block_rows, terms.m);
    g.blocks = (terms.m + g.block_rows - 1) / g.block_rows;
    g.panels = 1;
    for (int64_t block = 0; block < g.blocks; ++block)
      kernels.of(Compute::f32).gemm(g, block, reinterpret_cast<float*>(scratch.data()));
  }
  return {};
}

}  // namespace ipa

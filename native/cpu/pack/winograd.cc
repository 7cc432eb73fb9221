#include "cpu/pack/winograd.h"

#include <algorithm>

#include "base/ceil_div.h"
#include "cpu/kernels/kernels.h"

namespace ipa {
namespace {

// Multiplications per pair of channels for two pictures (a guided step),
// and what the transforms cost beside them in the same unit.
double cost(const Step& step, int outputs) {
  // Transforms are in f32 also for products in int16, two of which take the time of one.
  const double product = step.node->params[0]->compute == Compute::f32 ? 1 : 0.5;
  const Shape& out = step.out_shape;
  const auto tiles = static_cast<double>(2 * ceil_div(out.h, outputs) * ceil_div(out.w, outputs));
  const double positions = winograd_positions(outputs);
  const double weights = 5 * positions;  // of one block of tiles
  const double blocks = std::max(1.0, tiles / static_cast<double>(winograd_block_tiles));
  // Of a tile: in once per input channel, out once per output channel, in vectors of 16.
  const double channels = 1.0 / static_cast<double>(step.input_shapes[0].c) + 1.0 / static_cast<double>(out.c);
  return positions * tiles * (product + 4 * 16 * channels) + blocks * weights;
}

}  // namespace

int winograd_outputs(const Step& step) {
  constexpr int64_t least_channels = 32;
  if (step.node->op != Op::conv2d || !step.node->conv.same_3x3()) return 0;
  const Compute compute = step.node->params[0]->compute;
  if (compute == Compute::int8) return 0;
  if (step.input_shapes[0].c < least_channels || step.out_shape.c < least_channels) return 0;
  int best = 0;
  double least = 9.0 * static_cast<double>(2 * step.out_shape.h * step.out_shape.w);
  if (compute != Compute::f32) least /= 2;
  for (const int outputs : {2, 4}) {
    const double own = cost(step, outputs);
    if (own >= least) continue;
    least = own;
    best = outputs;
  }
  return best;
}

}  // namespace ipa

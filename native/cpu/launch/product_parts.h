// How matrix products are cut into tasks and parts, and where their working memory lies.
#pragma once

#include <cstdint>

#include "cpu/kernels/kernels.h"
#include "graph/plan.h"

namespace ipa {

// Blocks of at most `most` rows; smaller ones where there would be too few tasks for every thread to have some.
// `g.panels` is set before.
void cut_rows(GemmArgs& g, int64_t rows, int64_t most, const Kernels& kernels, int threads);

// How a convolution by Winograd's algorithm is cut:
// into parts whose transformed tiles stay in the outer caches.
struct WinogradCut {
  int outputs = 0;  // 0: the step is none
  int64_t tiles_h = 0, tiles_w = 0, tiles = 0;
  int64_t part_tiles = 0, positions = 0;
  // Of a part's transformed inputs; in int16, where their scales begin.
  int64_t bytes = 0, scales = 0;
  explicit WinogradCut(const Step& step);
};

// A product's inputs rounded to what its weights are in, then their scales at this offset.
struct RoundedScratch {
  int64_t scales = 0, bytes = 0;
  explicit RoundedScratch(const Step& step);
  // Not in f32, and not where the input is in bf16 already.
  static bool needed(const Step& step);
};

}  // namespace ipa

// Working memory of a step: what its threads share comes first, then a part for each thread.
#pragma once

#include <cstdint>

#include "cpu/pack/winograd.h"
#include "graph/plan.h"

namespace ipa {

constexpr int64_t group_norm_block = 128;  // rows summed in f32 before the blocks meet in f64

// How a convolution by Winograd's algorithm is cut: into parts whose transformed tiles stay in the outer
// caches.
struct WinogradCut {
  int outputs = 0;  // 0: the step is none
  int64_t tiles_h = 0, tiles_w = 0, tiles = 0;
  int64_t part_tiles = 0, positions = 0;
  // Of a part's transformed inputs; in int16, where their scales begin.
  int64_t bytes = 0, scales = 0;
  explicit WinogradCut(const Step& step);
};

// An int8 product's inputs as bytes, then their scales at this offset.
struct Int8Scratch {
  int64_t scales = 0, bytes = 0;
  explicit Int8Scratch(const Step& step);
};

// The same of an int16 product, as words.
struct PairsScratch {
  int64_t scales = 0, bytes = 0;
  explicit PairsScratch(const Step& step);
  // Not where the input is in bf16 already.
  static bool needed(const Step& step);
};

int64_t thread_scratch_floats(const Step& step);
int64_t shared_scratch_floats(const Step& step);

}  // namespace ipa

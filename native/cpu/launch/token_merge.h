// Token merging (ToMe, Bolya and Hoffman 2023): which tokens of a picture are alike enough to be one, and the
// means of those that are. Similarities are a matrix product; the rest is bookkeeping and needs no kernels.
#pragma once

#include <cstdint>

#include "cpu/kernels/kernels.h"
#include "graph/plan.h"

namespace ipa {

// One item of a batch: destinations are the tokens at even rows and columns
// (of whole squares of 2 x 2), sources all others.
struct TokenMapArgs {
  const float* x = nullptr;
  int64_t x_stride = 0;
  int64_t h = 0, w = 0, channels = 0;
  int64_t merged = 0;        // sources that go into a destination
  int64_t first_slot = 0;    // of the item, counted over the batch
  int32_t* slots = nullptr;  // a token each: the row it is found in after merging
  // Scratch.
  PanelLayout layout;
  float* panels = nullptr;     // directions of the destinations, packed
  float* scores = nullptr;     // of a part of the tokens against every destination
  float* lengths = nullptr;    // a token each: 1 / its length
  float* best = nullptr;       // a token each: the largest cosine
  int32_t* best_of = nullptr;  // and the destination that has it
  int32_t* order = nullptr;
  int64_t first_row = 0, rows = 0, block_rows = 0;  // the part, and rows per task

  int64_t tokens() const { return h * w; }
  int64_t squares_w() const { return w / 2; }
  int64_t destinations() const { return h / 2 * squares_w(); }
  int64_t destination_token(int64_t index) const {
    return index / squares_w() * 2 * w + index % squares_w() * 2;
  }
  bool is_destination(int64_t token) const {
    const int64_t row = token / w, column = token % w;
    return row % 2 == 0 && column % 2 == 0 && row + 1 < h && column + 1 < w;
  }
};

// Where the scratch of a step lies, in floats from its start; the same for every instruction set.
struct TokenMapScratch {
  explicit TokenMapScratch(const Step& step);
  int64_t part_rows = 0;
  int64_t panels = 0, scores = 0, lengths = 0, best = 0, best_of = 0, order = 0, floats = 0;
};

void token_lengths(const TokenMapArgs& g, int64_t task, float*);      // task: block of rows
void pack_destinations(const TokenMapArgs& g, int64_t task, float*);  // task: panel
void best_destinations(const TokenMapArgs& g, int64_t task, float*);  // task: block of rows of the part
void assign_slots(const TokenMapArgs& g, int64_t, float*);            // one task

// Means of the rows that share a slot, a block of channels per task.
struct MergeRowsArgs {
  const float* x = nullptr;
  int64_t x_stride = 0;
  const int32_t* slots = nullptr;
  float* out = nullptr;
  int64_t out_stride = 0;
  int64_t tokens = 0, kept = 0;  // of an item
  int64_t channels = 0, block_channels = 0, blocks = 0;
};
void merge_rows(const MergeRowsArgs& g, int64_t task, float* counts);  // task = item * blocks + block

}  // namespace ipa

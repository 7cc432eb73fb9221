// Row copies: concatenation, gathering, repetition, enlargement.
// Row r of the output comes from row source(r) of `from`.
#pragma once

#include <cstdint>

namespace ipa {

struct CopyArgs {
  enum class Kind { same, repeat, gather, tokens, enlarge };
  Kind kind = Kind::same;
  const float* from = nullptr;
  const uint16_t* halves = nullptr;  // in place of `from`, widened
  void (*widen)(const uint16_t* from, int64_t count, float* to) = nullptr;
  int64_t from_stride = 0, from_rows = 0;
  const int32_t* ids = nullptr;
  int64_t period = 0;                                 // repeat
  int64_t in_tokens = 0, out_tokens = 0, offset = 0;  // tokens: a sequence placed inside longer ones
  int64_t in_h = 0, in_w = 0, out_h = 0, out_w = 0;   // enlarge
  const int32_t *map_h = nullptr, *map_w = nullptr;
  float* to = nullptr;
  int64_t to_stride = 0, rows = 0, channels = 0, block_rows = 0;
};

void copy_rows(const CopyArgs& g, int64_t task, float* scratch);  // task: block of rows

}  // namespace ipa

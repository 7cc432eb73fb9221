// Ops, each alone or a few together, in sizes small and real: what backends are checked on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "check/check_sketch.h"

namespace ipa {

struct CheckCase {
  std::string op, size;
  std::function<void(CheckSketch&)> describe;
  double flops = 0;             // of its products; 0: it has none to speak of
  double elements = 0;          // that it reads and writes, where that is its work; 0: it is not
  bool has_weights = false;     // matrices, which 8 bits may hold
  bool is_real = false;         // of the size that it has in Stable Diffusion
  bool has_tables = false;      // of rows, which binary16 may hold
  bool has_plain_keys = false;  // of an attention without branches or mask, which a CPU has in 16 bits, too
};

// Small ones of every kind; then, where asked for, those of real sizes. About 300 GFLOP with, 0.2 without.
std::vector<CheckCase> check_cases(bool with_real);

// By file.
void add_product_cases(bool real, std::vector<CheckCase>& cases);
void add_attention_cases(bool real, std::vector<CheckCase>& cases);
void add_row_cases(bool real, std::vector<CheckCase>& cases);

// What cases are made of, for those who have more of them.
struct ConvSize {
  const char* what;
  Shape in;
  int64_t out;
  Conv conv = {};
  Wrap wrap = {};
  int64_t enlarged = 1;  // times, before the taps look at it
};
// `finish`: what becomes of x and its product.
using Finish = std::function<Value(CheckSketch&, Value, Value)>;
CheckCase conv_case(const ConvSize& size, Finish finish = {});
struct LinearSize {
  const char* what;
  int64_t items, rows, in, out;
};
CheckCase linear_case(const LinearSize& size, Finish finish = {});
// Without branches or mask.
CheckCase self_attention_case(int64_t items, int64_t queries, int64_t tokens, int heads, int head_size);
// `passes`: how often the op goes over as many numbers, in [-reach, reach].
CheckCase rows_case(const char* op, const Shape& shape, const char* what, double passes,
                    std::function<Value(CheckSketch&, Value)> describe, float reach = 1);
CheckCase activation_case(const Shape& shape, Activation activation, const char* what, float reach = 1);

}  // namespace ipa

// What a GPU is checked on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cuda/doctor/check_sketch.h"

namespace ipa::gpu {

// What is multiplied and activations are kept in; int8: weights of 8 bits, with activations in f16.
enum class CheckType : uint8_t { f32, f16, bf16, int8 };
const char* check_type_name(CheckType type);

struct CheckCase {
  std::string op, size;
  std::function<void(CheckSketch&)> describe;
  double flops = 0;          // of its products; 0: it has none to speak of
  double elements = 0;       // that it reads and writes, where that is its work; 0: it is not
  bool has_weights = false;  // matrices, which 8 bits may hold
  bool is_real = false;      // of the size that it has in Stable Diffusion
};

// Small ones of every kind; then, where asked for, those of real sizes. About 300 GFLOP with, 0.2 without.
std::vector<CheckCase> check_cases(bool with_real);

// By file.
void add_product_cases(bool real, std::vector<CheckCase>& cases);
void add_attention_cases(bool real, std::vector<CheckCase>& cases);
void add_row_cases(bool real, std::vector<CheckCase>& cases);

}  // namespace ipa::gpu

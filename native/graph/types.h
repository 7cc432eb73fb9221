// Small types that ops, parameters, plans and kernels have in common.
#pragma once

#include <cstdint>

namespace ipa {

// What a weight is multiplied in. int8: weights rounded to 8 bits, one scale an output channel;
// activations rounded to 8 bits while they run, one scale per row; sums in 32 bits.
// int16: the same with 13 bits, and a scale for every 128 inputs of a row.
// int8_weights: weights as in int8, activations as in int16. bf16, f16: both rounded to it, sums in f32.
enum class Compute : uint8_t { f32, bf16, int16, int8_weights, int8, f16 };

// Of the CPU: all but f16, which is the GPUs'.
constexpr int cpu_compute_types = 5;

// Storage of a value: f32 rows, i32 ids, or a backend's packed keys and values.
// A plan may decide for rows of 16 bits in place of f32.
enum class Storage : uint8_t { f32, i32, packed_kv, bf16, f16 };

enum class Activation : uint8_t {
  none,
  silu,
  gelu,
  gelu_tanh,
  quick_gelu,
  relu,
  soft_clamp_3,    // 3 tanh(x / 3)
  unit_to_signed,  // 2 x - 1: of a picture from 0..1 to -1..1
};

// Along which axes a convolution's padding is what lies at the opposite edge (circular), rather than zeros.
struct Wrap {
  bool x = false, y = false;
};

struct Conv {
  int kernel_h = 3, kernel_w = 3, stride = 1;
  int pad_top = 1, pad_left = 1, pad_bottom = 1, pad_right = 1;
  bool same_3x3() const {
    return kernel_h == 3 && kernel_w == 3 && stride == 1 && pad_top == 1 && pad_left == 1 && pad_bottom == 1 &&
           pad_right == 1;
  }
};

struct KeyValueShape {
  int64_t batch = 0, tokens = 0;
  int heads = 0, head_size = 0;
  // On the CPU int16 and bf16: packed in pairs of 16 bits, and so multiplied;
  // for a self-attention without branches or causal mask. Elsewhere as ParamSet::activations.
  Compute compute = Compute::f32;
  static constexpr int widest_pairs = 512;  // wider heads stay in f32
};

// Some tokens of an attention, in an attention map. Of part 0, which is its own keys, or of part i, its i-th branch.
// Spans of one source are summed.
struct TokenSpan {
  int source = 0, part = 0;
  int64_t first = 0, count = 0;
};

}  // namespace ipa

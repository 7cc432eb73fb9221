#include "doctor/self_test_limits.h"

namespace ipa {
namespace {

// Sums of some thousand terms in f32, each rounded to 2^-24, and the 4e-7 of an activation. Inputs and weights are numbers that every type
// holds as they are, so this is the limit of all products.
constexpr double sums = 4e-6;

// A rounding to bf16, relative.
constexpr double bf16_step = 1.0 / 512;

// Winograd's transforms lose about a decimal digit (Lavin and Gray 2015). What they make of inputs and weights is rounded to the type that
// is multiplied, in which its largest numbers take the bits of the others: by the tests of ops, ten times a rounding, and twenty of bf16.
double winograd_limit(Compute compute) {
  switch (compute) {
    case Compute::int16:
    case Compute::int8_weights: return 3e-3;
    case Compute::bf16: return 20 * bf16_step;
    default: return 4 * sums;
  }
}

// The weights of a softmax are rounded, in int16 the values too, which have ten bits a column. Means are off by no more.
double attention_limit(Compute keys) {
  switch (keys) {
    case Compute::int16: return 2e-3;
    case Compute::bf16: return 2 * bf16_step;
    default: return sums;
  }
}

// Up to ten values that are rounded to bf16 between one op and the next.
double chain_limit(Compute compute) { return compute == Compute::f32 ? 10 * sums : 10 * bf16_step; }

// Copies change nothing.
bool only_moves(const std::string& op) {
  for (const char* name : {"concat_channels", "concat_tokens", "slice_channels", "upsample", "gather_rows"})
    if (op == name) return true;
  return false;
}

}  // namespace

double self_test_limit(const CheckNumbers& numbers, const std::string& op, const PlannedKernels& planned) {
  if (only_moves(op)) return 0;
  if (op == "chain") return chain_limit(numbers.compute);
  if (op == "attention" || op == "attention_map") return attention_limit(numbers.keys);
  return planned.winograd ? winograd_limit(numbers.compute) : sums;
}

}  // namespace ipa

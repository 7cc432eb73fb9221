// What a case of an op is tried in, and on which numbers.
#pragma once

#include "graph/types.h"

namespace ipa {

// Numbers are whole multiples of 1 / (steps + 1), or of a power of two times that. Where the type holds all of them as they are, what is
// compared later is the arithmetic alone.
struct CheckNumbers {
  const char* name = "f32";
  Compute compute = Compute::f32;  // of matrices
  bool halves = false;             // matrices and tables are kept as binary16
  Compute keys = Compute::f32;     // what keys and values are packed for
  Storage activations = Storage::f32;
  // Inputs and outputs are kept as activations are, by an op of the sketch's own: where backends keep all of them in one type.
  bool keeps_ends = false;
  int64_t weight_steps = (int64_t{1} << 23) - 1, input_steps = weight_steps;
  // Every chunk of a row of an input has the largest number there is, so that the scale that it is rounded with is a power of two.
  bool full_chunks = false;
};

}  // namespace ipa

// What each op is, one row per op: what planner, fuser, choice of storage and tests ask about it.
// (How a backend runs an op is the backend's own table, for the CPU cpu/launch/launch_ops.h.)
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace ipa {

struct OpTraits {
  Op op;
  const char* name;
  // bound: memory of the caller. view: another look at its operand's memory. step: work.
  enum class Kind : uint8_t { bound, view, step } kind = Kind::step;
  // The product of a parameter: params[0], in its type of numbers.
  bool product = false;
  // What a step of the op takes over when it is the only one to read or write that value.
  struct Absorbs {
    bool activation = false;  // behind it
    bool sum = false;       // behind it: with one row per item before the activation, with a residual after it
    bool upsample = false;  // before its first operand
  } absorbs;
  // Operands that the result may be written over, element by element, where nobody reads them any more.
  enum class Replaces : uint8_t { nothing, inputs, residual } replaces = Replaces::nothing;
  bool writes_bf16 = false;
  // Operands that may be in bf16. like_weights: the first, by the type of numbers of the product. like_keys:
  // those that meet in the products of attention, in their type of numbers; query: the first of them only.
  enum class ReadsBf16 : uint8_t {
    none,
    first,
    like_weights,
    like_keys,
    query_like_keys
  } reads_bf16 = ReadsBf16::none;
};

const OpTraits& op_traits(Op op);

}  // namespace ipa

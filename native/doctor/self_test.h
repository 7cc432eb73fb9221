// Whether a table of kernels computes on this machine what it should: every kernel, on small numbers that are the same each time, against
// references in f64. Some seconds at most.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "cpu/kernels/kernels.h"
#include "graph/backend.h"

namespace ipa {

// Cases of one op, in one type of numbers.
struct SelfTestLine {
  std::string name, type;            // "linear", "bf16"; the type may be empty
  std::vector<std::string> kernels;  // of the table, that they ran, as kernels_of() names them
  int cases = 0;
  bool ok = true;
  // Of the case that is nearest to its limit, or furthest beyond. Of ops: the largest error, over the largest number that is right;
  // infinite where there are numbers that are none.
  std::string size;
  double error = 0, limit = 0;
  std::string problem;  // in words, of the first case that fails; empty where none does
};

struct SelfTest {
  std::string isa;
  int cases = 0, failed = 0;  // failed: lines
  // The kernels that explain what failed, as far as that can be told.
  std::vector<std::string> suspects;
  double seconds = 0;
};

struct SelfTestWish {
  const CancelFlag* cancel = nullptr;
  std::function<void(const SelfTestLine&)> line;  // gets each as it is there
  std::string kernel;                             // only what this one has a part in; empty: all
};

// What is wrong is a line; the status is about memory and cancelling.
Result<SelfTest> self_test(const Kernels& kernels, const SelfTestWish& wish);

// Of lines: a kernel that is in none that is ok, or else all of a line that failed. Where a line of one kernel failed, that one explains the others
// that have it.
std::vector<std::string> suspected_kernels(const std::vector<SelfTestLine>& lines);

}  // namespace ipa

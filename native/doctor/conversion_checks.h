// Kernels that round or widen numbers, and layouts, called by themselves and compared with what they are by definition.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels/kernels.h"

namespace ipa {

struct ConversionCheck {
  std::string kernel;  // as kernels_of() names it
  std::string size;
  double error = 0, limit = 0;
};

// Those of every kernel for which `wanted` says so, or of all where it is empty.
std::vector<ConversionCheck> check_conversions(const Kernels& table, const std::string& wanted = "");

// Numbers in blocks of GGUF: what is read of them, against their codes and scales. A type each; no kernel of a table has a part in it.
std::vector<ConversionCheck> check_blocks();

}  // namespace ipa

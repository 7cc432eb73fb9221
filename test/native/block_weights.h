// Random weights as the quantised types of GGUF store them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/block_codes.h"
#include "random.h"
#include "weights/tensor_source.h"

namespace ipa_test {

// All types in blocks.
const std::vector<ipa::DType>& block_types();

struct BlockWeights {
  // `count` weights, in whole blocks, the largest of which are about as large as `reach`.
  BlockWeights(ipa::DType type, int64_t count, float reach, Random& random);

  std::vector<uint8_t> bytes;
  std::vector<float> values;  // as dequantise_blocks() reads them
  ipa::BlockCodes codes;
};

}  // namespace ipa_test

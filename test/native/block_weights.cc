#include "block_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "harness.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/ggml_codes.h"

namespace ipa_test {
namespace {

using ipa::DType;

// Where a block keeps its f16 scale and, where it has one, its minimum.
std::vector<size_t> scale_places(DType type) {
  switch (type) {
    case DType::q4_1:
    case DType::q5_1:
    case DType::q4_k:
    case DType::q5_k: return {0, 2};
    case DType::q2_k: return {80, 82};
    case DType::q3_k: return {108};
    case DType::q6_k: return {208};
    default: return {0};
  }
}

}  // namespace

const std::vector<DType>& block_types() {
  static const std::vector<DType> types = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                                           DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k};
  return types;
}

BlockWeights::BlockWeights(DType type, int64_t count, float reach, Random& random) {
  const ipa::BlockLayout layout = ipa::block_layout(type);
  const size_t blocks = static_cast<size_t>(count) / layout.values;
  CHECK_EQ(blocks * layout.values, static_cast<size_t>(count));
  bytes.resize(blocks * layout.bytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  values.resize(static_cast<size_t>(count));
  // Random scales first, then such that the largest weight is right.
  float factor = 1;
  std::vector<float> scales(blocks * 2);
  for (float& scale : scales) scale = random.uniform(0.2f, 1) * (random.below(2) ? 1.0f : -1.0f);
  for (int round = 0; round < 2; ++round) {
    for (size_t b = 0; b < blocks; ++b) {
      size_t which = 2 * b;
      for (const size_t place : scale_places(type)) {
        const uint16_t half = ipa::f32_to_f16(scales[which++] * factor);
        std::memcpy(bytes.data() + b * layout.bytes + place, &half, sizeof half);
      }
    }
    CHECK(ipa::dequantise_blocks(type, bytes.data(), blocks, values.data()));
    float largest = 0;
    for (const float x : values) largest = std::max(largest, std::fabs(x));
    factor = reach / largest;
  }
  CHECK(ipa::split_blocks(type, bytes.data(), blocks, codes));
}

}  // namespace ipa_test

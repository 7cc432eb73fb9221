// Rounding to bf16.
#include "base/bfloat16.h"

#include <cmath>
#include <limits>

#include "harness.h"

namespace {

// Halfway cases go to even; infinity and NaN stay what they are.
TEST_ONCE(base_bfloat16_rounds_to_even) {
  CHECK_EQ(ipa::to_bfloat16(1.0f).bits, 0x3f80);
  CHECK_EQ(ipa::to_bfloat16(1.00390625f).bits, 0x3f80);   // 1 + 2^-8
  CHECK_EQ(ipa::to_bfloat16(1.01171875f).bits, 0x3f82);   // 1 + 3 * 2^-8
  CHECK_EQ(ipa::to_bfloat16(-1.00390637f).bits, 0xbf81);  // just past the half
  CHECK_EQ(ipa::to_bfloat16(3.4e38f).bits, 0x7f80);
  CHECK_EQ(ipa::to_bfloat16(std::numeric_limits<float>::infinity()).bits, 0x7f80);
  CHECK(std::isnan(ipa::to_float(ipa::to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace

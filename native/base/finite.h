// Whether numbers are numbers: NaN or infinity in a weight ends in a black picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ipa {

// Neither NaN nor infinity. Looks at bits, so that compilers make vector code of it.
inline bool all_finite(const float* values, size_t count) {
  constexpr uint32_t exponent = 0x7f800000u;
  uint32_t bad = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof(bits));
    bad |= static_cast<uint32_t>((bits & exponent) == exponent);
  }
  return bad == 0;
}

}  // namespace ipa

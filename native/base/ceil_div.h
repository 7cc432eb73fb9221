// Division that rounds up.
#pragma once

#include <cstdint>

namespace ipa {

// Of positive numbers.
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace ipa

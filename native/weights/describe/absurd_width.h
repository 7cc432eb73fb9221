// Sizes that a file's tensors tell are not checked yet when others are made of them.
#pragma once

#include <cstdint>

namespace ipa {

// Wider than any network, and small enough that sums and products of it stay in range.
constexpr int64_t absurd_width = 1 << 24;

}  // namespace ipa

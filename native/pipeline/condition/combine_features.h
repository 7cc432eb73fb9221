// Features of several pictures made one, before an adapter's projection.
#pragma once

#include <vector>

#include "base/status.h"
#include "pipeline/request.h"

namespace ipa {

// Each picture's features, of one size, times its weight, and then all of them, or one of all:
// their average by weight, their sum, the first without the mean of the others, or the average of each element
// divided by its norm across the pictures. invalid_option when there are too few, or weights add up to 0.
Result<std::vector<std::vector<float>>> combine_features(std::vector<std::vector<float>> pictures,
                                                         const std::vector<float>& weights, Combine how);

}  // namespace ipa

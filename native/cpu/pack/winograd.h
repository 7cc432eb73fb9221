// Which 3x3 convolutions go through Winograd's minimal filtering (Lavin and Gray, 2015). F(m x m, 3 x 3)
// makes m x m outputs of (m + 2) x (m + 2) inputs with (m + 2)^2 products per channel pair in place of 9 m^2:
// 2.25 times fewer for m = 2, four times fewer for m = 4. Weights are packed as for direct convolutions
// and transformed while they are used, a few channels at a time, so the algorithm costs no memory.
#pragma once

#include "graph/plan.h"

namespace ipa {

// m, or 0 where the convolution stays direct: what should take the fewest instructions.
// By the shape of one picture alone, so that a picture does not depend on what else is in its batch.
int winograd_outputs(const Step& step);
// (m + 2)^2
constexpr int winograd_positions(int outputs) { return (outputs + 2) * (outputs + 2); }

}  // namespace ipa

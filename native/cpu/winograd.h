// Which 3x3 convolutions go through Winograd's minimal filtering (Lavin and Gray, 2015), and their weights.
// F(m x m, 3 x 3) makes m x m outputs of (m + 2) x (m + 2) inputs with (m + 2)^2 products a channel pair in
// place of 9 m^2: 2.25 times fewer for m = 2, four times fewer for m = 4. Its price is memory: weights take
// (m + 2)^2 / 9 of their own size.
#pragma once

#include <cstdint>

#include "cpu/kernels.h"
#include "graph/params.h"

namespace ipa {

// m, or 0 where the convolution stays direct. By the parameter alone, since its weights are packed once for all
// sizes of pictures: the larger the picture it was declared for, the more its weights are used and the less
// their size matters.
int winograd_outputs(const Param& param);
// (m + 2)^2
constexpr int winograd_positions(int outputs) { return (outputs + 2) * (outputs + 2); }

// Besides 0 and infinity F(4x4) is built on the points a, -a, b and -b. These lose 2.4 times less to rounding
// than 1 and 2 do.
constexpr float winograd_a = 0.625f, winograd_b = 1.5f;

// Transformed weights G g G', panel by panel, inside a panel position by position as (in, columns).
int64_t winograd_packed_floats(const Param& param, int outputs, const PanelLayout& layout);
void winograd_pack(const Param& param, int outputs, const PanelLayout& layout, const float* weights,
                   float* out);

}  // namespace ipa

// What a step of a plan has to multiply.
#pragma once

#include "graph/plan.h"

namespace ipa {

// Multiplications and additions of products and attention as their definition counts them: a faster algorithm is one of more of them a
// second. 0 of other ops.
double step_flops(const Step& step);

}  // namespace ipa

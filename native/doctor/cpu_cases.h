// What the self-test runs.
#pragma once

#include <vector>

#include "check/check_case.h"

namespace ipa {

// check_cases(), the small ones, and besides: ends of tiles, panels and chunks, both of Winograd's tiles, and chains of ops with their values
// between them in bf16 where products are in 16 bits, as networks have them. Those of an op follow one another.
std::vector<CheckCase> self_test_cases();

}  // namespace ipa

// How far a case of the self-test may be from its reference.
#pragma once

#include "check/check_numbers.h"
#include "doctor/kernel_names.h"

namespace ipa {

// Of the largest number that is right. docs/environment.md says where the limits are from.
double self_test_limit(const CheckNumbers& numbers, const std::string& op, const PlannedKernels& planned);

}  // namespace ipa

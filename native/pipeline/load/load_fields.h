// The plain options of a load.
#pragma once

#include <vector>

#include "pipeline/fields.h"
#include "pipeline/load/load_request.h"

namespace ipa {

using LoadField = Field<LoadRequest, std::optional<Compute>>;

const std::vector<LoadField>& load_fields();

// As the option `dtype` has it; int8_weights is a part of "int8".
const char* dtype_name(Compute compute);

}  // namespace ipa

// The plain options of a load.
#pragma once

#include <vector>

#include "pipeline/fields.h"
#include "pipeline/load/load_request.h"

namespace ipa {

using LoadField = Field<LoadRequest, Compute>;

const std::vector<LoadField>& load_fields();

}  // namespace ipa

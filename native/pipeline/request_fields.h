// The plain options of generate().
#pragma once

#include <vector>

#include "pipeline/fields.h"
#include "pipeline/request.h"

namespace ipa {

using RequestField = Field<GenerateRequest, Tiling, MaskFill>;

const std::vector<RequestField>& request_fields();

}  // namespace ipa

// What can be said of a request's controls before any work.
#pragma once

#include "base/status.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa {

// invalid_option, for controls that are not loaded and options that they do not take.
Status check_controls(const ModelSet& models, const GenerateRequest& request);

}  // namespace ipa

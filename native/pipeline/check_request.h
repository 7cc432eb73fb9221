// What can be said of a request before any work.
#pragma once

#include <memory>

#include "base/status.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"
#include "schedulers/scheduler_table.h"

namespace ipa {

// Errors in the request that need no work to find. invalid_option.
Status check_request(const ModelSet& models, const GenerateRequest& request);

// The sampler a request names.
Result<std::unique_ptr<Scheduler>> make_request_scheduler(const ModelSet& models,
                                                          const GenerateRequest& request);

}  // namespace ipa

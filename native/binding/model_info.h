// What is loaded, as JavaScript sees it: PipelineInfo and LoadedParts of lib/native/contract.ts.
#pragma once

#include <napi.h>

#include "pipeline/load/loaded_parts.h"
#include "pipeline/load/model_set.h"

namespace ipa::binding {

Napi::Object model_info_to_js(Napi::Env env, const ModelSet& models);
// The answer to a change.
Napi::Object parts_to_js(Napi::Env env, const LoadedParts& parts);

}  // namespace ipa::binding

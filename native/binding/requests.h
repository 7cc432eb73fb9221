// The request objects of lib/native/contract.ts as plain structs. On the JS thread, before any work starts.
#pragma once

#include <napi.h>

#include "pipeline/model_set.h"
#include "pipeline/request.h"

namespace ipa::binding {

LoadRequest read_load_request(const Napi::Object& object);
GenerateRequest read_generate_request(const Napi::Object& object);
ImagePrompt read_image(const Napi::Object& object);

}  // namespace ipa::binding

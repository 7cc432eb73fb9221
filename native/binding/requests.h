// The request objects of lib/native/contract.ts as plain structs. On the JS thread, before any work starts.
#pragma once

#include <napi.h>

#include <vector>

#include "pipeline/load/load_request.h"
#include "pipeline/request.h"

namespace ipa::binding {

std::vector<AdapterRequest> read_adapters(const Napi::Array& adapters);
std::vector<ControlRequest> read_controls(const Napi::Array& controls);
std::vector<LoraRequest> read_loras(const Napi::Array& loras);
LoadRequest read_load_request(const Napi::Object& object);
// `sizes_only`: pictures may come without pixels.
GenerateRequest read_generate_request(const Napi::Object& object, bool sizes_only = false);
ImagePrompt read_image(const Napi::Object& object, bool sizes_only = false);
// A prompt for every text encoder.
PromptsToEncode read_prompts_to_encode(const Napi::Object& object);
// The tables of plain options, by call, for the test that compares them with the schemas.
Napi::Object fields_to_js(Napi::Env env);

}  // namespace ipa::binding

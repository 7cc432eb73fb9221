// Calls about files: convert, inspect, listTensors, readTensor, writeTensors of lib/native/contract.ts.
#pragma once

#include <napi.h>

namespace ipa::binding {

void define_file_calls(Napi::Env env, Napi::Object exports);

}  // namespace ipa::binding

// Calls about NVIDIA GPUs: probeCuda, useCuda and checkDevice of lib/native/contract.ts.
#pragma once

#include <napi.h>

namespace ipa::binding {

void define_cuda_calls(Napi::Env env, Napi::Object exports);

}  // namespace ipa::binding

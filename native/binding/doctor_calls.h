// Calls about this machine's CPU: selfTest and estimateTimes of lib/native/contract.ts.
#pragma once

#include <napi.h>

namespace ipa::binding {

void define_doctor_calls(Napi::Env env, Napi::Object exports);

}  // namespace ipa::binding

// Calls about pictures: fitPicture and drawFaceKeypoints of lib/native/contract.ts.
#pragma once

#include <napi.h>

namespace ipa::binding {

void define_picture_calls(Napi::Env env, Napi::Object exports);

}  // namespace ipa::binding

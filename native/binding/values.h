// JavaScript values to plain C++ ones. lib/ has validated everything; these checks only keep a wrong call
// from being undefined behaviour. They throw JS TypeErrors and run on the JS thread.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/ignored_tensors.h"

namespace ipa::binding {

std::string read_text(const Napi::Object& object, const char* key);
double read_number(const Napi::Object& object, const char* key);
int64_t read_integer(const Napi::Object& object, const char* key);
int read_int32(const Napi::Object& object, const char* key);
Napi::Object read_object(const Napi::Object& object, const char* key);
Napi::Array read_array(const Napi::Object& object, const char* key);
// The property is there and neither undefined nor null.
bool has_value(const Napi::Object& object, const char* key);
std::vector<uint8_t> read_bytes(const Napi::Object& object, const char* key);
std::vector<float> read_floats(const Napi::Object& object, const char* key);
// Of an array of Float32Arrays.
std::vector<std::vector<float>> read_float_arrays(const Napi::Object& object, const char* key);
std::vector<int32_t> read_ids(const Napi::Object& object, const char* key);
std::vector<int64_t> read_shape(const Napi::Object& object, const char* key);

// Arguments of a call.
std::string text_argument(const Napi::CallbackInfo& info, size_t index);
double number_argument(const Napi::CallbackInfo& info, size_t index);
int int32_argument(const Napi::CallbackInfo& info, size_t index);
Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index);
Napi::Array array_argument(const Napi::CallbackInfo& info, size_t index);
Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index);

// C++ to JavaScript.
// { code, message }, and `option` where the message is about one, which it does not name.
Napi::Object error_object(Napi::Env env, const Status& status);
Napi::ArrayBuffer copy_to_js(Napi::Env env, const void* data, size_t bytes);
// { count, names }
Napi::Object ignored_to_js(Napi::Env env, const IgnoredTensors& ignored);
Napi::Array text_array(Napi::Env env, const std::vector<std::string>& texts);

}  // namespace ipa::binding

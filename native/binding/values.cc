#include "binding/values.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace ipa::binding {
namespace {

[[noreturn]] void wrong_type(Napi::Env env, const std::string& what, const char* expected) {
  throw Napi::TypeError::New(env, what + ": expected " + expected);
}

// More entries than any list that lib/ hands over has.
constexpr uint32_t kMostEntries = 65536;
// One for each picture of a call.
constexpr uint32_t kMostFloatArrays = 64;

// What is read of an array is copied entry by entry, and one entry may be there many times.
Napi::Array bounded(Napi::Array array, const std::string& what) {
  if (array.Length() > kMostEntries) wrong_type(array.Env(), what, "fewer entries");
  return array;
}

template <class Array>
Array read_typed(const Napi::Object& object, const char* key, napi_typedarray_type type, const char* expected) {
  const Napi::Value value = object.Get(key);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type)
    wrong_type(object.Env(), key, expected);
  return value.As<Array>();
}

}  // namespace

std::string read_text(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) wrong_type(object.Env(), key, "a string");
  return value.As<Napi::String>().Utf8Value();
}

double read_number(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber()) wrong_type(object.Env(), key, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t read_integer(const Napi::Object& object, const char* key) {
  const double number = read_number(object, key);
  if (!(std::fabs(number) <= 9007199254740992.0) || number != std::floor(number))
    wrong_type(object.Env(), key, "an integer");
  return static_cast<int64_t>(number);
}

int read_int32(const Napi::Object& object, const char* key) {
  const int64_t number = read_integer(object, key);
  if (number < INT32_MIN || number > INT32_MAX) wrong_type(object.Env(), key, "an integer of 32 bits");
  return static_cast<int>(number);
}

Napi::Object read_object(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsObject()) wrong_type(object.Env(), key, "an object");
  return value.As<Napi::Object>();
}

Napi::Array read_array(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsArray()) wrong_type(object.Env(), key, "an array");
  return bounded(value.As<Napi::Array>(), key);
}

bool has_value(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return !value.IsUndefined() && !value.IsNull();
}

std::vector<uint8_t> read_bytes(const Napi::Object& object, const char* key) {
  const auto array = read_typed<Napi::Uint8Array>(object, key, napi_uint8_array, "a Uint8Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<float> read_floats(const Napi::Object& object, const char* key) {
  const auto array = read_typed<Napi::Float32Array>(object, key, napi_float32_array, "a Float32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<std::vector<float>> read_float_arrays(const Napi::Object& object, const char* key) {
  const Napi::Array arrays = read_array(object, key);
  if (arrays.Length() > kMostFloatArrays) wrong_type(object.Env(), key, "fewer Float32Arrays");
  std::vector<std::vector<float>> result;
  for (uint32_t i = 0; i < arrays.Length(); ++i) {
    const Napi::Value value = arrays.Get(i);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      wrong_type(object.Env(), key, "an array of Float32Arrays");
    const auto array = value.As<Napi::Float32Array>();
    result.emplace_back(array.Data(), array.Data() + array.ElementLength());
  }
  return result;
}

std::vector<int32_t> read_ids(const Napi::Object& object, const char* key) {
  const auto array = read_typed<Napi::Int32Array>(object, key, napi_int32_array, "an Int32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<int64_t> read_shape(const Napi::Object& object, const char* key) {
  const Napi::Array array = read_array(object, key);
  std::vector<int64_t> shape;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value value = array.Get(i);
    if (!value.IsNumber()) wrong_type(object.Env(), key, "numbers");
    shape.push_back(value.As<Napi::Number>().Int64Value());
  }
  return shape;
}

std::string text_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsString()) wrong_type(info.Env(), "argument " + std::to_string(index), "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

double number_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) wrong_type(info.Env(), "argument " + std::to_string(index), "a number");
  return info[index].As<Napi::Number>().DoubleValue();
}

int int32_argument(const Napi::CallbackInfo& info, size_t index) {
  const double number = number_argument(info, index);
  if (!(number >= INT32_MIN && number <= INT32_MAX) || number != std::floor(number))
    wrong_type(info.Env(), "argument " + std::to_string(index), "an integer");
  return static_cast<int>(number);
}

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsObject()) wrong_type(info.Env(), "argument " + std::to_string(index), "an object");
  return info[index].As<Napi::Object>();
}

Napi::Array array_argument(const Napi::CallbackInfo& info, size_t index) {
  const std::string what = "argument " + std::to_string(index);
  if (!info[index].IsArray()) wrong_type(info.Env(), what, "an array");
  return bounded(info[index].As<Napi::Array>(), what);
}

Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsFunction()) wrong_type(info.Env(), "argument " + std::to_string(index), "a function");
  return info[index].As<Napi::Function>();
}

Napi::Object error_object(Napi::Env env, const Status& status) {
  // There may be no memory left for a string here.
  char code[64];
  std::snprintf(code, sizeof code, "ERR_IPA_%s", error_name(status.code()));
  Napi::Object error = Napi::Object::New(env);
  error.Set("code", Napi::String::New(env, code));
  error.Set("message", status.message());
  if (!status.option().empty()) error.Set("option", status.option());
  return error;
}

Napi::ArrayBuffer copy_to_js(Napi::Env env, const void* data, size_t bytes) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes) std::memcpy(buffer.Data(), data, bytes);
  return buffer;
}

Napi::Object ignored_to_js(Napi::Env env, const IgnoredTensors& ignored) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("count", static_cast<double>(ignored.count));
  object.Set("names", text_array(env, ignored.names));
  return object;
}

Napi::Array text_array(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) array.Set(static_cast<uint32_t>(i), texts[i]);
  return array;
}

}  // namespace ipa::binding

#include "binding/doctor_calls.h"

#include "binding/calls.h"
#include "binding/values.h"
#include "cpu/isa/cpu_features.h"
#include "doctor/self_test.h"
#include "doctor/time_estimate.h"

namespace ipa::binding {
namespace {

Napi::Object test_line_to_js(Napi::Env env, const SelfTestLine& line) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", line.name);
  object.Set("type", line.type);
  object.Set("kernels", text_array(env, line.kernels));
  object.Set("cases", line.cases);
  object.Set("ok", line.ok);
  object.Set("size", line.size);
  object.Set("error", line.error);
  object.Set("limit", line.limit);
  if (!line.problem.empty()) object.Set("problem", line.problem);
  return object;
}

Napi::Object test_to_js(Napi::Env env, const SelfTest& test) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("isa", test.isa);
  object.Set("cases", test.cases);
  object.Set("failed", test.failed);
  object.Set("suspects", text_array(env, test.suspects));
  object.Set("seconds", test.seconds);
  return object;
}

Napi::Value self_test_call(const Napi::CallbackInfo& info) {
  return in_background(
      info.Env(), function_argument(info, 1), function_argument(info, 0),
      [](AsyncJob& job) -> Result<SelfTest> {
        IPA_ASSIGN(const Kernels* kernels, choose_kernels());
        SelfTestWish wish;
        wish.cancel = job.cancel_handle().get();
        wish.line = [&job](const SelfTestLine& line) {
          job.progress([line](Napi::Env env) -> Napi::Value { return test_line_to_js(env, line); });
        };
        return self_test(*kernels, wish);
      },
      test_to_js);
}

Napi::Array times_to_js(Napi::Env env, const std::vector<PictureTime>& times) {
  Napi::Array array = Napi::Array::New(env, times.size());
  for (size_t i = 0; i < times.size(); ++i) {
    const PictureTime& time = times[i];
    Napi::Object object = Napi::Object::New(env);
    object.Set("model", time.model);
    object.Set("dtype", time.dtype == Compute::bf16 ? "bf16" : "f32");
    object.Set("width", time.side);
    object.Set("height", time.side);
    object.Set("steps", time.steps);
    object.Set("encoders", time.encoders);
    object.Set("step", time.step);
    object.Set("decoder", time.decoder);
    object.Set("whole", time.whole());
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

Napi::Value estimate_times_call(const Napi::CallbackInfo& info) {
  return in_background(
      info.Env(), function_argument(info, 0),
      [](AsyncJob& job) -> Result<std::vector<PictureTime>> {
        IPA_ASSIGN(const Kernels* kernels, choose_kernels());
        return estimate_times(*kernels, job.cancel_handle().get());
      },
      times_to_js);
}

}  // namespace

void define_doctor_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("selfTest", Napi::Function::New(env, self_test_call, "selfTest"));
  exports.Set("estimateTimes", Napi::Function::New(env, estimate_times_call, "estimateTimes"));
}

}  // namespace ipa::binding

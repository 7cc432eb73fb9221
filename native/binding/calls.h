// Asynchronous calls: work off the JS thread, whose result becomes a JS value on it.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/guard.h"
#include "base/status.h"
#include "binding/addon_data.h"
#include "binding/async_job.h"

namespace ipa::binding {

// Answers the job with what `to_js(env, value)` makes of the result on the JS thread.
template <class T, class ToJs>
void answer(AsyncJob& job, Result<T> result, ToJs to_js) {
  if (!result.ok()) return job.fail(result.take_status());
  auto value = std::make_shared<T>(result.take());
  job.finish([value, to_js = std::move(to_js)](Napi::Env env) -> Napi::Value { return to_js(env, *value); });
}

// The answer of a call that gives nothing: pass `nothing_to_js`.
struct Nothing {};
inline Napi::Value nothing_to_js(Napi::Env env, const Nothing&) { return env.Undefined(); }

// Makes a job and hands it over to what answers it: `start(job)`.
// What is thrown on the way is the job's answer too, or it would keep the environment waiting.
// `progress` may be empty. Returns the job's handle; `on_cancel` gets the flag after it is set.
template <class Start>
Napi::Value start_job(Napi::Env env, Napi::Function done, Napi::Function progress, Start start,
                      std::function<void(const CancelHandle&)> on_cancel = {}) {
  const std::shared_ptr<AsyncJob> job = AsyncJob::start(env, AddonData::of(env).jobs, done, progress);
  Napi::Object handle;
  Status status = guarded([&]() -> Status {
    handle = job->handle(env, std::move(on_cancel));
    start(job);
    return {};
  });
  if (!status.ok()) job->fail(std::move(status));
  return handle;
}

// Runs `work(job)`, which gives a Result, on a thread of its own.
template <class Work, class ToJs>
Napi::Value in_background(Napi::Env env, Napi::Function done, Napi::Function progress, Work work, ToJs to_js) {
  return start_job(env, done, progress, [&](const std::shared_ptr<AsyncJob>& job) {
    AddonData::of(env).background.run(job, [job, work = std::move(work), to_js = std::move(to_js)]() -> Status {
      answer(*job, work(*job), to_js);
      return {};
    });
  });
}

template <class Work, class ToJs>
Napi::Value in_background(Napi::Env env, Napi::Function done, Work work, ToJs to_js) {
  return in_background(env, done, {}, std::move(work), std::move(to_js));
}

}  // namespace ipa::binding

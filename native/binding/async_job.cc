#include "binding/async_job.h"

#include <algorithm>

#include "base/guard.h"
#include "binding/values.h"

namespace ipa::binding {

// JS functions live and die on the JS thread; the thread-safe function owns them.
struct AsyncJob::Callbacks {
  Napi::FunctionReference done, progress;
};

struct AsyncJob::Message {
  std::shared_ptr<AsyncJob> job;
  bool final = false;
  Status status;
  MakeValue make;
};

AsyncJob::AsyncJob(OpenJobs& open) : open_(open), answer_(std::make_unique<Message>()) {}
AsyncJob::~AsyncJob() = default;

std::shared_ptr<AsyncJob> AsyncJob::start(Napi::Env env, OpenJobs& open, Napi::Function done,
                                          Napi::Function progress) {
  auto job = std::make_shared<AsyncJob>(open);
  auto& jobs = open.jobs_;
  jobs.reserve(jobs.size() + 1);  // from where the job has to be answered on, nothing may fail
  auto callbacks = std::make_unique<Callbacks>();
  callbacks->done = Napi::Persistent(done);
  if (!progress.IsEmpty()) callbacks->progress = Napi::Persistent(progress);
  const auto finalize = [](napi_env, void* data, void*) {
    std::unique_ptr<Callbacks>(static_cast<Callbacks*>(data));
  };
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "node-ip-adapter"), 0, 1, callbacks.get(), finalize,
      callbacks.get(), &AsyncJob::call_js, &job->tsfn_);
  if (status != napi_ok) throw Napi::Error::New(env, "no thread-safe function could be made");
  callbacks.release();
  // Added after the thread-safe function's own hook, so it runs before it:
  // the job ends while its way back still exists.
  napi_add_env_cleanup_hook(env, &AsyncJob::before_env_ends, job.get());
  jobs.push_back(job);
  return job;
}

Napi::Object AsyncJob::handle(Napi::Env env, std::function<void(const CancelHandle&)> on_cancel) {
  Napi::Object object = Napi::Object::New(env);
  const auto cancel = [flag = cancel_, on_cancel = std::move(on_cancel)](const Napi::CallbackInfo&) {
    flag->store(true);
    if (on_cancel) on_cancel(flag);
  };
  object.Set("cancel", Napi::Function::New(env, cancel, "cancel"));
  return object;
}

void AsyncJob::post(std::unique_ptr<Message> message) noexcept {
  // A refused message (the environment is going down) is simply dropped.
  if (napi_call_threadsafe_function(tsfn_, message.get(), napi_tsfn_nonblocking) == napi_ok) message.release();
}

void AsyncJob::progress(MakeValue make_event) {
  auto message = std::make_unique<Message>();
  message->job = shared_from_this();
  message->make = std::move(make_event);
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  post(std::move(message));
}

void AsyncJob::finish(MakeValue make_value) noexcept {
  answer_->make = std::move(make_value);
  answer();
}

void AsyncJob::fail(Status status) noexcept {
  answer_->status = std::move(status);
  answer();
}

void AsyncJob::answer() noexcept {
  answer_->job = shared_from_this();
  answer_->final = true;
  post(std::move(answer_));
  napi_release_threadsafe_function(tsfn_, napi_tsfn_release);
  std::lock_guard<std::mutex> lock(mutex_);
  is_finished_ = true;
  finished_.notify_all();
}

void AsyncJob::before_env_ends(void* opaque) {
  auto* self = static_cast<AsyncJob*>(opaque);
  // The job may wait behind others in its pipeline's queue: all of them stop.
  self->open_.cancel_all();
  std::unique_lock<std::mutex> lock(self->mutex_);
  self->finished_.wait(lock, [self] { return self->is_finished_; });
}

void AsyncJob::call_js(napi_env raw_env, napi_value, void* context, void* data) {
  const std::unique_ptr<Message> message(static_cast<Message*>(data));
  if (!raw_env) return;  // the environment is going down
  const Napi::Env env(raw_env);
  const Napi::HandleScope scope(env);
  auto& callbacks = *static_cast<Callbacks*>(context);
  if (!message->final) message->job->in_flight_.fetch_sub(1, std::memory_order_relaxed);
  if (message->final) {
    // The thread that posted this may still be about to release the way back:
    // the environment must not go before.
    {
      std::unique_lock<std::mutex> lock(message->job->mutex_);
      message->job->finished_.wait(lock, [&] { return message->job->is_finished_; });
    }
    napi_remove_env_cleanup_hook(env, &AsyncJob::before_env_ends, message->job.get());
    auto& jobs = message->job->open_.jobs_;
    jobs.erase(std::remove(jobs.begin(), jobs.end(), message->job), jobs.end());
  }
  try {
    if (message->final)
      deliver(env, *message, callbacks);
    else if (!callbacks.progress.IsEmpty())
      callbacks.progress.Call({message->make(env)});
  } catch (const Napi::Error& thrown) {
    // A callback of lib/ threw, which is a bug there: let it surface as an uncaught exception.
    napi_fatal_exception(env, thrown.Value());
  } catch (...) {
    napi_fatal_exception(env, error_object(env, caught()));
  }
}

void AsyncJob::deliver(Napi::Env env, const Message& message, const Callbacks& callbacks) {
  Napi::Value value;
  Status thrown;  // the job's own error is not copied, which takes memory
  if (message.status.ok()) {
    try {
      value = message.make(env);
    } catch (const Napi::Error& error) {
      callbacks.done.Call({error.Value()});
      return;
    } catch (...) {
      thrown = caught();
    }
  }
  const Status& status = thrown.ok() ? message.status : thrown;
  if (status.ok())
    callbacks.done.Call({env.Null(), value});
  else
    callbacks.done.Call({error_object(env, status)});
}

void OpenJobs::cancel_all() {
  for (const auto& job : jobs_) job->cancel_handle()->store(true);
}

}  // namespace ipa::binding

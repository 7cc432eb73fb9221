// One asynchronous call from JavaScript: its callbacks, its cancel flag, and the way back to the JS thread.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "pipeline/engine.h"

namespace ipa::binding {

class OpenJobs;

class AsyncJob : public std::enable_shared_from_this<AsyncJob> {
 public:
  // Builds a value on the JS thread.
  using MakeValue = std::function<Napi::Value(Napi::Env)>;

  // `open`, the environment's, lists it until it is answered. `progress` may be empty. On the JS thread.
  static std::shared_ptr<AsyncJob> start(Napi::Env env, OpenJobs& open, Napi::Function done,
                                         Napi::Function progress);

  const CancelHandle& cancel_handle() const { return cancel_; }
  // The `{ cancel() }` object that JavaScript gets; `on_cancel` is called after the flag is set.
  Napi::Object handle(Napi::Env env, std::function<void(const CancelHandle&)> on_cancel);

  // From any thread. After finish() or fail() nothing may be posted.
  // Both need no memory: a job can always be answered.
  void progress(MakeValue make_event);
  void finish(MakeValue make_value) noexcept;
  void fail(Status status) noexcept;
  // Progress events posted and not yet delivered: a JS thread that is busy lets them pile up.
  int in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  explicit AsyncJob(OpenJobs& open);
  ~AsyncJob();

 private:
  struct Callbacks;
  struct Message;
  static void call_js(napi_env env, napi_value function, void* context, void* data);
  static void before_env_ends(void* self);
  void post(std::unique_ptr<Message> message) noexcept;
  void answer() noexcept;
  static void deliver(Napi::Env env, const Message& message, const Callbacks& callbacks);

  OpenJobs& open_;
  CancelHandle cancel_ = make_cancel_handle();
  napi_threadsafe_function tsfn_ = nullptr;
  std::mutex mutex_;
  std::condition_variable finished_;
  bool is_finished_ = false;
  std::atomic<int> in_flight_{0};
  std::unique_ptr<Message> answer_;  // made before it is needed
};

// The jobs of one environment that are not answered yet. On the JS thread.
class OpenJobs {
 public:
  void cancel_all();

 private:
  friend class AsyncJob;
  std::vector<std::shared_ptr<AsyncJob>> jobs_;
};

}  // namespace ipa::binding

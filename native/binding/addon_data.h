// What the addon keeps for one JS environment (the main thread or a worker). There is no process-wide state but
// the thread pool.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "binding/async_job.h"

namespace ipa::binding {

class AddonData {
 public:
  ~AddonData();
  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  // Runs `work` for `job` on a thread of its own, joined at the latest when the environment ends. `work`
  // answers the job, or returns or throws why it cannot. Without a thread the job fails.
  void run_in_background(const std::shared_ptr<AsyncJob>& job, std::function<Status()> work);
  void cancel_all();
  void forget(const std::shared_ptr<AsyncJob>& job);

  Napi::FunctionReference pipeline_constructor;
  std::shared_ptr<Engine> engine_to_wrap;       // for the constructor, which is no use by hand
  std::vector<std::shared_ptr<AsyncJob>> jobs;  // not finished yet

 private:
  struct Background {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> finished;
  };
  std::vector<Background> background_;
};

}  // namespace ipa::binding

// Threads for work that belongs to no pipeline: one each, joined at the latest when the environment ends.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/status.h"
#include "binding/async_job.h"

namespace ipa::binding {

class Background {
 public:
  Background() = default;
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Runs `work` for `job`. `work` answers the job, or returns or throws why it cannot.
  // Without a thread the job fails.
  void run(const std::shared_ptr<AsyncJob>& job, std::function<Status()> work);

 private:
  struct Task {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> finished;
  };
  std::vector<Task> tasks_;
};

}  // namespace ipa::binding

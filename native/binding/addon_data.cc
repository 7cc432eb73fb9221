#include "binding/addon_data.h"

#include <algorithm>
#include <system_error>

namespace ipa::binding {

AddonData::~AddonData() {
  cancel_all();
  for (Background& task : background_) task.thread.join();
}

void AddonData::run_in_background(const std::shared_ptr<AsyncJob>& job, std::function<void()> work) {
  for (Background& task : background_)
    if (task.finished->load()) task.thread.join();
  background_.erase(std::remove_if(background_.begin(), background_.end(),
                                   [](const Background& task) { return !task.thread.joinable(); }),
                    background_.end());
  auto finished = std::make_shared<std::atomic<bool>>(false);
  try {
    background_.push_back({});
    background_.back().finished = finished;
    background_.back().thread = std::thread([work = std::move(work), finished] {
      work();
      finished->store(true);
    });
  } catch (const std::system_error&) {
    background_.pop_back();
    job->fail(Status(Code::no_memory, "the system gives no more threads: close other pipelines first"));
  }
}

void AddonData::cancel_all() {
  for (const auto& job : jobs) job->cancel_handle()->store(true);
}

void AddonData::forget(const std::shared_ptr<AsyncJob>& job) {
  jobs.erase(std::remove(jobs.begin(), jobs.end(), job), jobs.end());
}

}  // namespace ipa::binding

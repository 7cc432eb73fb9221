#include "binding/addon_data.h"

#include <algorithm>
#include <system_error>

namespace ipa::binding {
namespace {

const std::string no_more_threads = "the system gives no more threads: close other pipelines first";

}  // namespace

AddonData::~AddonData() {
  cancel_all();
  for (Background& task : background_) task.thread.join();
}

void AddonData::run_in_background(const std::shared_ptr<AsyncJob>& job, std::function<Status()> work) {
  for (Background& task : background_)
    if (task.finished->load()) task.thread.join();
  background_.erase(std::remove_if(background_.begin(), background_.end(),
                                   [](const Background& task) { return !task.thread.joinable(); }),
                    background_.end());
  auto finished = std::make_shared<std::atomic<bool>>(false);
  background_.reserve(background_.size() + 1);  // a thread without its place here would never be joined
  try {
    std::thread thread([job, work = std::move(work), finished] {
      Status status = guarded(work);
      if (!status.ok()) job->fail(std::move(status));
      finished->store(true);
    });
    background_.push_back({std::move(thread), std::move(finished)});
  } catch (const std::system_error&) {
    job->fail(Status::prepared(Code::no_memory, no_more_threads));
  }
}

void AddonData::cancel_all() {
  for (const auto& job : jobs) job->cancel_handle()->store(true);
}

void AddonData::forget(const std::shared_ptr<AsyncJob>& job) {
  jobs.erase(std::remove(jobs.begin(), jobs.end(), job), jobs.end());
}

}  // namespace ipa::binding

#include "binding/background.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/guard.h"

namespace ipa::binding {
namespace {

const std::string no_more_threads = "the system gives no more threads: close other pipelines first";

}  // namespace

Background::~Background() {
  for (Task& task : tasks_) task.thread.join();
}

void Background::run(const std::shared_ptr<AsyncJob>& job, std::function<Status()> work) {
  for (Task& task : tasks_)
    if (task.finished->load()) task.thread.join();
  tasks_.erase(
      std::remove_if(tasks_.begin(), tasks_.end(), [](const Task& task) { return !task.thread.joinable(); }),
      tasks_.end());
  auto finished = std::make_shared<std::atomic<bool>>(false);
  tasks_.reserve(tasks_.size() + 1);  // a thread without its place here would never be joined
  try {
    std::thread thread([job, work = std::move(work), finished] {
      Status status = guarded(work);
      if (!status.ok()) job->fail(std::move(status));
      finished->store(true);
    });
    tasks_.push_back({std::move(thread), std::move(finished)});
  } catch (const std::system_error&) {
    job->fail(Status::prepared(Code::no_memory, no_more_threads));
  }
}

}  // namespace ipa::binding

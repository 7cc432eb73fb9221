#include "cuda/backend/cuda_executable.h"

namespace ipa::gpu {
namespace {

Status cancelled() { return Status(Code::cancelled, "the run was cancelled"); }

bool raised(const CancelFlag* cancel) { return cancel && cancel->load(std::memory_order_relaxed); }

// Freed with its place.
class Event {
 public:
  explicit Event(const GpuDevice& device) : device_(device) {}
  ~Event() {
    if (event_) device_.api().event_free(event_);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Status make() {
    return device_.check(device_.api().event_create(device_.queue(), &event_), "making an event");
  }
  Status record() {
    return device_.check(device_.api().event_record(device_.queue(), event_), "marking a step");
  }
  Status wait() { return device_.check(device_.api().event_wait(event_), "a step"); }
  Status seconds_since(const Event& from, double& seconds) const {
    return device_.check(device_.api().event_seconds(from.event_, event_, &seconds), "timing a step");
  }

 private:
  const GpuDevice& device_;
  GpuEvent* event_ = nullptr;
};

}  // namespace

CudaExecutable::~CudaExecutable() {
  if (graph_) device_->api().graph_free(graph_);
}

Status CudaExecutable::run(const RunTerms& terms) {
  IPA_TRY(device_->status());
  if (raised(terms.cancel)) return cancelled();
  // A run is short beside a step of a picture, and the queue keeps the order: others go first here or not at all.
  if (terms.pause && terms.pause->due()) IPA_TRY(terms.pause->pass().status());
  const std::lock_guard<std::mutex> lock(device_->order());
  if (terms.seconds) return run_timed(terms);
  // The first run may be the only one, and loads the kernels, which a recording must not.
  if (++runs_ == 2 && may_record_) IPA_TRY(record());
  if (!graph_) return launch_all(terms.cancel);
  return device_->check(device_->api().graph_launch(device_->queue(), graph_), "a launch");
}

Status CudaExecutable::launch(const Launch& launch) {
  return device_->check(device_->api().launch(device_->queue(), static_cast<int32_t>(launch.kernel),
                                              launches.arguments(launch), launch.bytes),
                        "a launch");
}

Status CudaExecutable::launch_all(const CancelFlag* cancel) {
  for (const Launch& one : launches.all()) {
    if (raised(cancel)) return cancelled();
    IPA_TRY(launch(one));
  }
  return {};
}

Status CudaExecutable::record() {
  const GpuApi& api = device_->api();
  may_record_ = false;
  if (launches.all().empty()) return {};
  IPA_TRY(device_->check(api.graph_begin(device_->queue()), "recording launches"));
  const Status launched = launch_all(nullptr);
  const GpuResult ended = api.graph_end(device_->queue(), &graph_);
  IPA_TRY(launched);
  return ended == gpu_no_memory ? Status() : device_->check(ended, "recording launches");
}

Status CudaExecutable::run_timed(const RunTerms& terms) {
  Event before(*device_), after(*device_);
  IPA_TRY(before.make());
  IPA_TRY(after.make());
  const auto& all = launches.all();
  for (size_t i = 0; i < all.size();) {
    if (raised(terms.cancel)) return cancelled();
    const size_t step = all[i].step;
    IPA_TRY(before.record());
    for (; i < all.size() && all[i].step == step; ++i) IPA_TRY(launch(all[i]));
    IPA_TRY(after.record());
    IPA_TRY(before.wait());
    IPA_TRY(after.wait());
    double seconds = 0;
    IPA_TRY(after.seconds_since(before, seconds));
    (*terms.seconds)[step] += seconds;
  }
  return {};
}

}  // namespace ipa::gpu

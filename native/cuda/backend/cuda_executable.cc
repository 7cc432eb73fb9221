#include "cuda/backend/cuda_executable.h"

namespace ipa::gpu {
namespace {

Status cancelled() { return Status(Code::cancelled, "the run was cancelled"); }

bool raised(const CancelFlag* cancel) { return cancel && cancel->load(std::memory_order_relaxed); }

// What is asked of the queue is recorded for as long as this lives.
class Recording {
 public:
  explicit Recording(const GpuDevice& device) : device_(device) {}
  ~Recording() {
    if (!begun_) return;
    GpuGraph* unwanted = nullptr;
    if (end(unwanted) == gpu_ok) device_.api().graph_free(unwanted);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  GpuResult begin() {
    const GpuResult result = device_.api().graph_begin(device_.queue());
    begun_ = result == gpu_ok;
    return result;
  }
  GpuResult end(GpuGraph*& graph) {
    begun_ = false;
    return device_.api().graph_end(device_.queue(), &graph);
  }

 private:
  const GpuDevice& device_;
  bool begun_ = false;
};

}  // namespace

CudaExecutable::~CudaExecutable() { drop_graph(); }

void CudaExecutable::drop_graph() {
  if (graph_) device_->api().graph_free(graph_);
  graph_ = nullptr;
}

Status CudaExecutable::run(const RunTerms& terms) {
  IPA_TRY(device_->status());
  if (raised(terms.cancel)) return cancelled();
  // A run is short beside a step of a picture, and the queue keeps the order: others go first here or not at all.
  if (terms.pause && terms.pause->due()) IPA_TRY(terms.pause->pass().status());
  {
    const std::lock_guard<std::mutex> lock(device_->order());
    if (terms.seconds) return run_timed(terms);
    IPA_TRY(enqueue(terms.cancel));
    IPA_TRY(done_.record());
  }
  return done_.wait();
}

Status CudaExecutable::enqueue(const CancelFlag* cancel) {
  IPA_TRY(done_.make());
  if (has_run_ && may_record_) IPA_TRY(record(cancel));
  if (!graph_) return launch_all(cancel);
  const GpuResult launched = device_->api().graph_launch(device_->queue(), graph_);
  if (launched != gpu_no_memory) return device_->check(launched, "a launch");
  drop_graph();
  return launch_all(cancel);
}

GpuResult CudaExecutable::launch(const Launch& launch) {
  return device_->api().launch(device_->queue(), static_cast<int32_t>(launch.kernel),
                               launches.arguments(launch), launch.bytes);
}

Status CudaExecutable::launch_all(const CancelFlag* cancel) {
  for (const Launch& one : launches.all()) {
    if (raised(cancel)) return cancelled();
    IPA_TRY(device_->check(launch(one), "a launch"));
  }
  has_run_ = true;
  return {};
}

Status CudaExecutable::record(const CancelFlag* cancel) {
  if (launches.all().empty()) return {};
  Recording recording(*device_);
  GpuResult result = recording.begin();
  for (size_t i = 0; i < launches.all().size() && result == gpu_ok; ++i) {
    if (raised(cancel)) return cancelled();
    result = launch(launches.all()[i]);
  }
  may_record_ = false;
  if (result == gpu_ok) result = recording.end(graph_);
  // A queue that is broken says so again when it is asked for the launches themselves.
  return result == gpu_lost ? device_->check(result, "recording launches") : Status();
}

Status CudaExecutable::run_timed(const RunTerms& terms) {
  EventMark before(*device_), after(*device_);
  IPA_TRY(before.make());
  IPA_TRY(after.make());
  const auto& all = launches.all();
  for (size_t i = 0; i < all.size();) {
    if (raised(terms.cancel)) return cancelled();
    const size_t step = all[i].step;
    IPA_TRY(before.record());
    for (; i < all.size() && all[i].step == step; ++i) IPA_TRY(device_->check(launch(all[i]), "a launch"));
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

// A plan's launches, run one by one at first and from then on as a graph that the device knows.
#pragma once

#include <memory>

#include "cuda/backend/gpu_device.h"
#include "cuda/backend/gpu_event_mark.h"
#include "cuda/backend/gpu_launches.h"
#include "graph/backend.h"

namespace ipa::gpu {

// run() returns once the work is in the device's queue: whoever reads a result waits for it, and learns of failures then.
class CudaExecutable : public Executable {
 public:
  explicit CudaExecutable(std::shared_ptr<const GpuDevice> device)
      : device_(std::move(device)), done_(*device_) {}
  ~CudaExecutable() override;
  CudaExecutable(const CudaExecutable&) = delete;
  CudaExecutable& operator=(const CudaExecutable&) = delete;

  // Returns when it is done: who shares a device takes turns by that.
  Status run(const RunTerms& terms) override;

  Launches launches;

 private:
  Status enqueue(const CancelFlag* cancel);
  // Whoever cancels stops what is not in the queue yet.
  Status launch_all(const CancelFlag* cancel);
  GpuResult launch(const Launch& launch);
  // Records the launches. Where that fails they go on one by one.
  Status record(const CancelFlag* cancel);
  void drop_graph();
  // One step after the other, each waited for.
  Status run_timed(const RunTerms& terms);

  std::shared_ptr<const GpuDevice> device_;
  EventMark done_;
  GpuGraph* graph_ = nullptr;
  // From end to end. The first run may be the only one, and loads the kernels, which a recording must not.
  bool has_run_ = false;
  bool may_record_ = true;
};

}  // namespace ipa::gpu

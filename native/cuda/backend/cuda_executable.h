// A plan's launches, run one by one at first and from then on as a graph that the device knows.
#pragma once

#include <memory>

#include "cuda/backend/gpu_device.h"
#include "cuda/backend/gpu_launches.h"
#include "graph/backend.h"

namespace ipa::gpu {

// run() returns once the work is in the device's queue: whoever reads a result waits for it, and learns of failures then.
class CudaExecutable : public Executable {
 public:
  explicit CudaExecutable(std::shared_ptr<const GpuDevice> device) : device_(std::move(device)) {}
  ~CudaExecutable() override;
  CudaExecutable(const CudaExecutable&) = delete;
  CudaExecutable& operator=(const CudaExecutable&) = delete;

  Status run(const RunTerms& terms) override;

  Launches launches;

 private:
  // Whoever cancels stops what is not in the queue yet.
  Status launch_all(const CancelFlag* cancel);
  GpuResult launch(const Launch& launch);
  // Records the launches; without a graph, for want of memory, they go on one by one.
  Status record();
  void drop_graph();
  // One step after the other, each waited for.
  Status run_timed(const RunTerms& terms);

  std::shared_ptr<const GpuDevice> device_;
  GpuGraph* graph_ = nullptr;
  int runs_ = 0;
  bool may_record_ = true;
};

}  // namespace ipa::gpu

// A device opened through the table of functions of a GPU: its queue, and its answers as statuses.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"
#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

class GpuDevice {
 public:
  // `name`: as options call it, such as "cuda:0". Code::invalid_option for an index that there is not.
  static Result<std::shared_ptr<const GpuDevice>> open(const GpuApi& api, int index, std::string name);
  ~GpuDevice();
  GpuDevice(const GpuDevice&) = delete;
  GpuDevice& operator=(const GpuDevice&) = delete;

  const GpuApi& api() const { return api_; }
  GpuQueue* queue() const { return queue_; }
  const GpuDeviceInfo& info() const { return info_; }
  const std::string& name() const { return name_; }
  // As 80 for 8.0.
  int capability() const { return info_.major * 10 + info_.minor; }

  // Held by whoever asks something of the queue: the launches of a plan stay together, and nothing else gets among those
  // that are being recorded.
  std::mutex& order() const { return order_; }

  // What a call answered, `what` it did: "a launch", "a copy to the GPU". After a failure nothing that follows can be
  // trusted: the first is the answer of every check from then on. Not so for want of memory: that call did nothing, and
  // who asked for it learns so.
  Status check(GpuResult result, const char* what) const;
  // The same where nobody learns that the call did nothing, so that want of memory is a failure as well.
  bool note(GpuResult result, const char* what) const noexcept;
  // Code::no_memory of `bytes`, with what is free; or the failure that it came of.
  Status no_memory(size_t bytes, const std::string& message) const;
  // The first failure of all calls so far; ok while there is none.
  Status status() const;

 private:
  GpuDevice(const GpuApi& api, GpuQueue* queue, const GpuDeviceInfo& info, std::string name)
      : api_(api), queue_(queue), info_(info), name_(std::move(name)) {}
  void keep_failure(Status failure) const noexcept;
  // What is free, in brackets with a blank in front; nothing where it cannot be told.
  std::string free_text() const;

  const GpuApi& api_;
  GpuQueue* queue_;
  GpuDeviceInfo info_;
  std::string name_;
  mutable std::atomic<bool> failed_{false};
  mutable std::mutex mutex_, order_;
  mutable Status failure_;
};

}  // namespace ipa::gpu

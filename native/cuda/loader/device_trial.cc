#include "cuda/loader/device_trial.h"

#include <string>

#include "cuda/api/kernel_args.h"
#include "cuda/backend/gpu_status.h"
#include "cuda/loader/gpu_handles.h"

namespace ipa::gpu {
namespace {

constexpr int64_t trial_rows = 64;
constexpr int32_t trial_channels = 256;
constexpr size_t trial_count = static_cast<size_t>(trial_rows) * trial_channels;
constexpr size_t trial_part = trial_count * sizeof(float);
// Of the device's memory: a, b, their sums, and behind these what only fill_zero writes.
constexpr size_t trial_bytes = size_t{1} << 20;
static_assert(trial_bytes > 3 * trial_part, "there is room for zeros");

// Whole numbers: their sums have no rounding.
float trial_a(size_t i) { return static_cast<float>(i); }
float trial_b(size_t i) { return static_cast<float>(3 * (i % 1000)) - 1000; }

class DeviceTrial {
 public:
  DeviceTrial(const GpuApi& api, int32_t index, const GpuDeviceInfo& info)
      : api_(api), index_(index), device_(device_text(index, &info)) {}

  Status run() {
    IPA_TRY(open());
    IPA_TRY(calculate());
    return compare();
  }

 private:
  Status check(GpuResult result, const char* doing) const { return gpu_status(api_, result, device_, doing); }

  Status open() {
    GpuQueue* queue = nullptr;
    IPA_TRY(check(api_.open(index_, &queue), "opening it"));
    queue_ = OwnedQueue(queue, {&api_});
    void* address = nullptr;
    const GpuResult taken = api_.take(queue, trial_bytes, &address);
    if (taken == gpu_no_memory) return no_memory();
    IPA_TRY(check(taken, "taking 1 MiB of memory"));
    memory_ = OwnedMemory(address, {queue, api_.give});
    IPA_TRY(check(api_.take_pinned(queue, trial_bytes, &address), "taking 1 MiB of the host's memory"));
    pinned_ = OwnedMemory(address, {queue, api_.give_pinned});
    GpuEvent* event = nullptr;
    IPA_TRY(check(api_.event_create(queue, &event), "making an event"));
    done_ = OwnedEvent(event, {&api_});
    return {};
  }

  Status no_memory() const {
    Status status = check(gpu_no_memory, "taking 1 MiB of memory");
    uint64_t free_bytes = 0, total_bytes = 0;
    if (api_.memory(queue_.get(), &free_bytes, &total_bytes) != gpu_ok) return status;
    return Status(status.code(), status.message() + "; " + std::to_string(free_bytes >> 20) + " of its " +
                                     std::to_string(total_bytes >> 20) + " MiB are free");
  }

  // In the order of one queue: numbers in, zeros behind them, the sums, and all of it out.
  Status calculate() {
    uint8_t* const at = static_cast<uint8_t*>(memory_.get());
    float* const host = static_cast<float*>(pinned_.get());
    for (size_t i = 0; i < trial_count; ++i) {
      host[i] = trial_a(i);
      host[trial_count + i] = trial_b(i);
    }
    GpuQueue* const queue = queue_.get();
    IPA_TRY(check(api_.copy_in(queue, at, host, 2 * trial_part), "copying to it"));
    IPA_TRY(check(api_.fill_zero(queue, at + 2 * trial_part, trial_bytes - 2 * trial_part), "writing zeros"));
    ElementwiseArgs sum;
    sum.a = {at, trial_channels, Element::f32};
    sum.b = {at + trial_part, trial_channels, Element::f32};
    sum.out = {at + 2 * trial_part, trial_channels, Element::f32};
    sum.rows = trial_rows;
    sum.channels = trial_channels;
    IPA_TRY(check(api_.launch(queue, static_cast<int32_t>(Kernel::elementwise), &sum, sizeof sum),
                  "running a kernel"));
    IPA_TRY(check(api_.copy_out(queue, host, at, trial_bytes), "copying from it"));
    IPA_TRY(check(api_.event_record(queue, done_.get()), "recording an event"));
    return check(api_.event_wait(done_.get()), "waiting for it");
  }

  Status compare() const {
    const float* const host = static_cast<const float*>(pinned_.get());
    const auto expected = [](size_t i) {
      if (i < trial_count) return trial_a(i);
      if (i < 2 * trial_count) return trial_b(i - trial_count);
      return i < 3 * trial_count ? trial_a(i - 2 * trial_count) + trial_b(i - 2 * trial_count) : 0.0f;
    };
    size_t wrong = 0;
    for (size_t i = 0; i < trial_bytes / sizeof(float); ++i)
      if (!(host[i] == expected(i))) ++wrong;
    if (wrong == 0) return {};
    return Status(
        Code::device,
        device_ + ": it gives wrong results (" + std::to_string(wrong) + " of " +
            std::to_string(trial_bytes / sizeof(float)) +
            " numbers of a sum): restart the machine and update the driver; if it stays so, the GPU is broken");
  }

  const GpuApi& api_;
  const int32_t index_;
  const std::string device_;
  // Given back in the opposite order.
  OwnedQueue queue_;
  OwnedMemory memory_, pinned_;
  OwnedEvent done_;
};

}  // namespace

Status try_device(const GpuApi& api, int32_t index, const GpuDeviceInfo& info) {
  return DeviceTrial(api, index, info).run();
}

}  // namespace ipa::gpu

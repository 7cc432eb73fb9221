// The plugin's own part, over a CUDA runtime that is none: which calls it makes, in which order and on which device, what becomes
// of errors, and that nothing is left behind.
#include <functional>
#include <thread>

#include "../native/harness.h"
#include "cuda/api/gpu_api.h"
#include "fake_runtime.h"

extern "C" const GpuApi* ipa_gpu_api(int32_t abi);

namespace {

using ipa_test::fake_runtime;

const GpuApi& api() { return *ipa_gpu_api(IPA_GPU_ABI); }

std::string description() {
  char text[256];
  api().describe(text, sizeof text);
  return text;
}

// A queue on a device of a runtime that has just begun.
class Rig {
 public:
  explicit Rig(int32_t device = 0) {
    fake_runtime() = {};
    CHECK_EQ(api().open(device, &queue), gpu_ok);
    fake_runtime().calls.clear();
  }
  ~Rig() {
    fake_runtime().failures.clear();
    api().close(queue);
    CHECK_EQ(fake_runtime().held_in_all(), 0);
  }
  GpuQueue* queue = nullptr;
};

// Every call of the table that works on a queue, with what it makes given back.
GpuResult take_and_give(GpuQueue* queue) {
  void* address = nullptr;
  const GpuResult taken = api().take(queue, 64, &address);
  return taken == gpu_ok ? api().give(queue, address) : taken;
}
GpuResult record_graph(GpuQueue* queue) {
  GpuGraph* graph = nullptr;
  GpuResult result = api().graph_begin(queue);
  if (result == gpu_ok) result = api().graph_end(queue, &graph);
  if (result == gpu_ok) result = api().graph_launch(queue, graph);
  api().graph_free(graph);
  return result;
}
GpuResult use_events(GpuQueue* queue) {
  GpuEvent *from = nullptr, *to = nullptr;
  double seconds = 0;
  GpuResult result = api().event_create(queue, &from);
  if (result == gpu_ok) result = api().event_create(queue, &to);
  if (result == gpu_ok) result = api().event_record(queue, from);
  if (result == gpu_ok) result = api().event_wait(to);
  if (result == gpu_ok) result = api().event_seconds(from, to, &seconds);
  if (result == gpu_ok) CHECK_NEAR(seconds, 0.25, 1e-9);
  api().event_free(from);
  api().event_free(to);
  return result;
}

GpuResult result_of(cudaError_t error) {
  fake_runtime().failures["cudaMalloc"] = error;
  void* address = nullptr;
  GpuQueue* queue = nullptr;
  api().open(0, &queue);
  const GpuResult result = api().take(queue, 64, &address);
  CHECK(address == nullptr);
  api().close(queue);
  return result;
}

}  // namespace

TEST_ONCE(plugin_has_a_table_for_its_version_and_for_questions) {
  CHECK(ipa_gpu_api(IPA_GPU_ABI) != nullptr);
  CHECK(ipa_gpu_api(0) == ipa_gpu_api(IPA_GPU_ABI));
  CHECK(ipa_gpu_api(IPA_GPU_ABI + 1) == nullptr);
  CHECK_EQ(api().abi, IPA_GPU_ABI);
  CHECK_EQ(api().table_bytes, sizeof(GpuApi));
}

TEST_ONCE(plugin_answers_without_a_driver) {
  fake_runtime() = {};
  fake_runtime().driver = 0;
  fake_runtime().failures["cudaGetDeviceCount"] = cudaErrorInsufficientDriver;
  fake_runtime().failures["cudaInitDevice"] = cudaErrorInsufficientDriver;
  GpuVersions versions = {};
  CHECK_EQ(api().versions(&versions), gpu_ok);
  CHECK_EQ(versions.driver, 0);
  CHECK_EQ(versions.needed, 13000);
  int32_t count = -1;
  GpuQueue* queue = nullptr;
  CHECK_EQ(api().device_count(&count), gpu_no_driver);
  CHECK_EQ(count, 0);
  CHECK_EQ(api().open(0, &queue), gpu_no_driver);
  CHECK(queue == nullptr);
  // With one it means that this is too old.
  fake_runtime().driver = 12040;
  CHECK_EQ(api().device_count(&count), gpu_driver_too_old);
}

TEST_ONCE(plugin_counts_no_device_as_none) {
  fake_runtime() = {};
  fake_runtime().failures["cudaGetDeviceCount"] = cudaErrorNoDevice;
  int32_t count = -1;
  CHECK_EQ(api().device_count(&count), gpu_ok);
  CHECK_EQ(count, 0);
}

TEST_ONCE(plugin_describes_a_device) {
  fake_runtime() = {};
  GpuDeviceInfo info = {};
  CHECK_EQ(api().device_info(1, &info), gpu_ok);
  CHECK_EQ(std::string(info.name), std::string(sizeof info.name - 1, 'x'));
  CHECK_EQ(info.major * 10 + info.minor, 86);
  CHECK_EQ(info.multiprocessors, 28);
  CHECK_EQ(info.shared_per_block, 101376);
  CHECK_EQ(info.memory_bytes, uint64_t{12} << 30);
  CHECK_EQ(std::string(info.bus), "0000:01:00.0");
}

TEST_ONCE(plugin_sets_how_threads_wait_before_the_context_is_made) {
  Rig rig;
  fake_runtime().calls.clear();
  GpuQueue* queue = nullptr;
  CHECK_EQ(api().open(1, &queue), gpu_ok);
  CHECK_EQ(fake_runtime().calls.front(), "cudaInitDevice@0");
  CHECK_EQ(fake_runtime().flags["cudaInitDevice"], unsigned{cudaDeviceScheduleBlockingSync});
  CHECK(fake_runtime().in_order("cudaInitDevice@0", "cudaSetDevice@1"));
  CHECK(fake_runtime().in_order("cudaSetDevice@1", "cudaStreamCreateWithFlags@1"));
  CHECK_EQ(fake_runtime().flags["cudaStreamCreateWithFlags"], unsigned{cudaStreamNonBlocking});
  api().close(queue);
  CHECK(fake_runtime().in_order("cudaStreamSynchronize@1", "cudaStreamDestroy@1"));
}

TEST_ONCE(plugin_calls_on_the_queues_device_from_any_thread) {
  Rig rig(1);
  std::thread([&] {
    uint64_t free_bytes = 0, total_bytes = 0;
    CHECK_EQ(api().memory(rig.queue, &free_bytes, &total_bytes), gpu_ok);
    CHECK_EQ(free_bytes, 5u);
    CHECK_EQ(total_bytes, 7u);
  }).join();
  const std::vector<std::function<GpuResult()>> calls = {
      [&] { return take_and_give(rig.queue); },
      [&] { return record_graph(rig.queue); },
      [&] { return use_events(rig.queue); },
      [&] { return api().copy_in(rig.queue, nullptr, nullptr, 1); },
      [&] { return api().copy_out(rig.queue, nullptr, nullptr, 1); },
      [&] { return api().copy_within(rig.queue, nullptr, nullptr, 1); },
      [&] { return api().fill_zero(rig.queue, nullptr, 1); },
      [&] { return api().launch(rig.queue, 0, nullptr, 0); },
  };
  for (const auto& call : calls) std::thread([&] { CHECK_EQ(call(), gpu_ok); }).join();
  for (const std::string& call : fake_runtime().calls)
    if (call.substr(call.size() - 2) != "@1") ipa_test::fail(__FILE__, __LINE__, call);
}

TEST_ONCE(plugin_waits_for_the_queue_before_memory_is_given_back) {
  Rig rig;
  CHECK_EQ(take_and_give(rig.queue), gpu_ok);
  CHECK(fake_runtime().in_order("cudaStreamSynchronize@0", "cudaFree@0"));
  fake_runtime().calls.clear();
  void* address = nullptr;
  CHECK_EQ(api().take_pinned(rig.queue, 64, &address), gpu_ok);
  CHECK_EQ(api().give_pinned(rig.queue, address), gpu_ok);
  CHECK(fake_runtime().in_order("cudaStreamSynchronize@0", "cudaFreeHost@0"));
  // No bytes have an address, too.
  CHECK_EQ(api().take(rig.queue, 0, &address), gpu_ok);
  CHECK(fake_runtime().flags["cudaMalloc"] > 0);
  CHECK_EQ(api().give(rig.queue, address), gpu_ok);
}

TEST_ONCE(plugin_copies_in_the_direction_that_is_asked) {
  Rig rig;
  CHECK_EQ(api().copy_in(rig.queue, nullptr, nullptr, 1), gpu_ok);
  CHECK_EQ(fake_runtime().flags["cudaMemcpyAsync"], unsigned{cudaMemcpyHostToDevice});
  CHECK_EQ(api().copy_out(rig.queue, nullptr, nullptr, 1), gpu_ok);
  CHECK_EQ(fake_runtime().flags["cudaMemcpyAsync"], unsigned{cudaMemcpyDeviceToHost});
  CHECK_EQ(api().copy_within(rig.queue, nullptr, nullptr, 1), gpu_ok);
  CHECK_EQ(fake_runtime().flags["cudaMemcpyAsync"], unsigned{cudaMemcpyDeviceToDevice});
}

TEST_ONCE(plugin_records_graphs_while_other_threads_take_memory_and_sleeps_at_events) {
  Rig rig;
  CHECK_EQ(record_graph(rig.queue), gpu_ok);
  CHECK_EQ(fake_runtime().flags["cudaStreamBeginCapture"], unsigned{cudaStreamCaptureModeThreadLocal});
  CHECK_EQ(use_events(rig.queue), gpu_ok);
  CHECK_EQ(fake_runtime().flags["cudaEventCreateWithFlags"], unsigned{cudaEventBlockingSync});
}

TEST_ONCE(plugin_leaves_nothing_behind_where_a_call_fails) {
  for (const char* function : {"cudaSetDevice", "cudaMalloc", "cudaStreamBeginCapture", "cudaStreamEndCapture",
                               "cudaGraphInstantiate", "cudaGraphLaunch", "cudaEventCreateWithFlags",
                               "cudaEventRecord", "cudaEventSynchronize", "cudaEventElapsedTime"}) {
    Rig rig;
    fake_runtime().failures[function] = cudaErrorLaunchFailure;
    const GpuResult results[] = {take_and_give(rig.queue), record_graph(rig.queue), use_events(rig.queue)};
    int failures = 0;
    for (const GpuResult result : results) failures += result == gpu_lost;
    CHECK(failures >= 1);
    CHECK(description().find(function) == 0);
  }
  for (const char* function : {"cudaInitDevice", "cudaSetDevice", "cudaStreamCreateWithFlags"}) {
    fake_runtime() = {};
    fake_runtime().failures[function] = cudaErrorDevicesUnavailable;
    GpuQueue* queue = nullptr;
    CHECK_EQ(api().open(0, &queue), gpu_failed);
    CHECK(queue == nullptr);
    CHECK_EQ(fake_runtime().held_in_all(), 0);
  }
}

TEST_ONCE(plugin_tells_errors_apart) {
  fake_runtime() = {};
  CHECK_EQ(result_of(cudaErrorMemoryAllocation), gpu_no_memory);
  for (const cudaError_t error : {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorMisalignedAddress,
                                  cudaErrorIllegalInstruction, cudaErrorHardwareStackError,
                                  cudaErrorLaunchTimeout, cudaErrorECCUncorrectable, cudaErrorAssert})
    CHECK_EQ(result_of(error), gpu_lost);
  CHECK_EQ(result_of(cudaErrorNoDevice), gpu_no_device);
  CHECK_EQ(result_of(cudaErrorInvalidDevice), gpu_no_device);
  CHECK_EQ(result_of(cudaErrorNoKernelImageForDevice), gpu_old_architecture);
  CHECK_EQ(result_of(cudaErrorInvalidDeviceFunction), gpu_old_architecture);
  CHECK_EQ(result_of(cudaErrorInsufficientDriver), gpu_driver_too_old);
  CHECK_EQ(result_of(cudaErrorInvalidValue), gpu_failed);
  CHECK_EQ(result_of(cudaErrorStreamCaptureInvalidated), gpu_failed);
}

TEST_ONCE(plugin_keeps_an_error_to_the_call_and_the_thread_that_had_it) {
  Rig rig;
  fake_runtime().failures["cudaMalloc"] = cudaErrorMemoryAllocation;
  CHECK_EQ(take_and_give(rig.queue), gpu_no_memory);
  const std::string said = description();
  CHECK_EQ(said, "cudaMalloc: as the test wants it (cudaErrorFake, 2)");
  // A launch looks at the runtime's last error.
  CHECK_EQ(api().launch(rig.queue, 0, nullptr, 0), gpu_ok);
  std::thread([&] {
    fake_runtime().failures["launch_kernel"] = cudaErrorInvalidValue;
    CHECK_EQ(api().launch(rig.queue, 7, nullptr, 0), gpu_failed);
    CHECK(description().find("launch of kernel 7") == 0);
  }).join();
  CHECK_EQ(description(), said);
}

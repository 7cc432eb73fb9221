#include "fake_runtime.h"

#include <algorithm>
#include <cstring>

#include "cuda/api/kernel_args.h"

namespace {

using ipa_test::fake_runtime;

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

cudaError_t note(const std::string& function) {
  auto& runtime = fake_runtime();
  runtime.calls.push_back(function + "@" + std::to_string(current_device));
  const auto failure = runtime.failures.find(function);
  if (failure == runtime.failures.end()) return cudaSuccess;
  return last_error = failure->second;
}

template <class Handle>
cudaError_t make(const char* function, const char* kind, Handle* handle) {
  const cudaError_t error = note(function);
  if (error != cudaSuccess) return error;
  static uintptr_t next = 0x1000;
  *handle = reinterpret_cast<Handle>(next += 0x1000);
  ++fake_runtime().held[kind];
  return cudaSuccess;
}

cudaError_t drop(const char* function, const char* kind) {
  const cudaError_t error = note(function);
  if (error == cudaSuccess) --fake_runtime().held[kind];
  return error;
}

}  // namespace

namespace ipa_test {

bool FakeRuntime::called(const std::string& call) const {
  return std::find(calls.begin(), calls.end(), call) != calls.end();
}
bool FakeRuntime::in_order(const std::string& first, const std::string& second) const {
  const auto at = std::find(calls.begin(), calls.end(), first);
  return at != calls.end() && std::find(at, calls.end(), second) != calls.end();
}
int FakeRuntime::held_in_all() const {
  int all = 0;
  for (const auto& [kind, count] : held) all += count < 0 ? 1000 : count;
  return all;
}
FakeRuntime& fake_runtime() {
  static FakeRuntime runtime;
  return runtime;
}

}  // namespace ipa_test

// In place of the kernels: what the launch of one would leave.
namespace ipa::gpu {
cudaError_t launch_kernel(int32_t, const void*, uint64_t, cudaStream_t) {
  // A launch finds what an earlier call left behind, as CUDA's does.
  const cudaError_t error = note("launch_kernel");
  return error != cudaSuccess ? error : last_error;
}
}  // namespace ipa::gpu

extern "C" {

cudaError_t cudaDriverGetVersion(int* version) {
  *version = fake_runtime().driver;
  return note("cudaDriverGetVersion");
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = fake_runtime().devices;
  return note("cudaGetDeviceCount");
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* found, int) {
  std::memset(found, 0, sizeof *found);
  std::memset(found->name, 'x', sizeof found->name - 1);
  found->major = 8;
  found->minor = 6;
  found->multiProcessorCount = 28;
  found->sharedMemPerBlockOptin = 101376;
  found->totalGlobalMem = size_t{12} << 30;
  return note("cudaGetDeviceProperties");
}
cudaError_t cudaDeviceGetPCIBusId(char* bus, int bytes, int) {
  std::strncpy(bus, "0000:01:00.0", static_cast<size_t>(bytes));
  return note("cudaDeviceGetPCIBusId");
}
cudaError_t cudaInitDevice(int, unsigned flags, unsigned) {
  fake_runtime().flags["cudaInitDevice"] = flags;
  return note("cudaInitDevice");
}
cudaError_t cudaSetDevice(int device) {
  current_device = device;
  return note("cudaSetDevice");
}
cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}
const char* cudaGetErrorName(cudaError_t) { return "cudaErrorFake"; }
const char* cudaGetErrorString(cudaError_t) { return "as the test wants it"; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  fake_runtime().flags["cudaStreamCreateWithFlags"] = flags;
  return make("cudaStreamCreateWithFlags", "stream", stream);
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return note("cudaStreamSynchronize"); }
cudaError_t cudaStreamDestroy(cudaStream_t) { return drop("cudaStreamDestroy", "stream"); }

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = 5;
  *total = 7;
  return note("cudaMemGetInfo");
}
cudaError_t cudaMalloc(void** address, size_t bytes) {
  fake_runtime().flags["cudaMalloc"] = static_cast<unsigned>(bytes);
  return make("cudaMalloc", "memory", address);
}
cudaError_t cudaFree(void*) { return drop("cudaFree", "memory"); }
cudaError_t cudaHostAlloc(void** address, size_t, unsigned) { return make("cudaHostAlloc", "pinned", address); }
cudaError_t cudaFreeHost(void*) { return drop("cudaFreeHost", "pinned"); }
cudaError_t cudaMemcpyAsync(void*, const void*, size_t, cudaMemcpyKind kind, cudaStream_t) {
  fake_runtime().flags["cudaMemcpyAsync"] = static_cast<unsigned>(kind);
  return note("cudaMemcpyAsync");
}
cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t) { return note("cudaMemsetAsync"); }

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode mode) {
  fake_runtime().flags["cudaStreamBeginCapture"] = static_cast<unsigned>(mode);
  return note("cudaStreamBeginCapture");
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = nullptr;
  return make("cudaStreamEndCapture", "graph", graph);
}
cudaError_t cudaGraphDestroy(cudaGraph_t) { return drop("cudaGraphDestroy", "graph"); }
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t, unsigned long long) {
  return make("cudaGraphInstantiate", "executable", executable);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) { return note("cudaGraphLaunch"); }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return drop("cudaGraphExecDestroy", "executable"); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  fake_runtime().flags["cudaEventCreateWithFlags"] = flags;
  return make("cudaEventCreateWithFlags", "event", event);
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return drop("cudaEventDestroy", "event"); }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return note("cudaEventRecord"); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return note("cudaEventSynchronize"); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 250;
  return note("cudaEventElapsedTime");
}

// What nvcc's object files ask for when they are loaded.
void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
}

#include "launch.h"

#include <cstdio>
#include <map>
#include <mutex>
#include <unordered_map>

#include "checks.h"
#include "emulator.h"
#include "fair_mutex.h"
#include "report.h"
#include "scheduler.h"

namespace cuda_emulator {
namespace {

constexpr size_t most_argument_bytes = 4096;
constexpr unsigned most_blocks_x = 0x7fffffff, most_blocks = 65535;

Options chosen;
std::unordered_map<const void*, int64_t> shared_allowed;
std::map<const void*, int64_t> launched;
thread_local LaunchResult last = launch_ok;
thread_local char problem[256] = "";

bool too_many_threads(const dim3& block, int most) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  return threads == 0 || threads > static_cast<uint64_t>(most) || block.x > 1024 || block.y > 1024 ||
         block.z > 64;
}

bool too_many_blocks(const dim3& size) {
  return size.x == 0 || size.y == 0 || size.z == 0 || size.x > most_blocks_x || size.y > most_blocks ||
         size.z > most_blocks;
}

int64_t shared_limit(const void* kernel) {
  const auto allowed = shared_allowed.find(kernel);
  return allowed == shared_allowed.end() ? shared_without_asking
                                         : std::max<int64_t>(allowed->second, shared_without_asking);
}

LaunchResult refuse(const char* kernel, const char* what, uint64_t asked, uint64_t most) {
  std::snprintf(problem, sizeof(problem), "%s: %s, %llu where %llu is the most", kernel, what,
                static_cast<unsigned long long>(asked), static_cast<unsigned long long>(most));
  return last = launch_beyond_limits;
}

LaunchResult check_limits(const LaunchShape& shape) {
  const dim3 &size = shape.grid, &block = shape.block;
  if (too_many_threads(block, shape.most_threads))
    return refuse(shape.kernel, "threads of a block", uint64_t{block.x} * block.y * block.z,
                  static_cast<uint64_t>(shape.most_threads));
  if (too_many_blocks(size)) {
    std::snprintf(problem, sizeof(problem), "%s: no grid is of %u x %u x %u blocks", shape.kernel, size.x,
                  size.y, size.z);
    return last = launch_beyond_limits;
  }
  const int64_t limit = shared_limit(shape.address);
  if (shape.shared > static_cast<size_t>(limit))
    return refuse(shape.kernel, "shared memory", shape.shared, static_cast<uint64_t>(limit));
  if (shape.argument_bytes > most_argument_bytes)
    return refuse(shape.kernel, "bytes of arguments", shape.argument_bytes, most_argument_bytes);
  return launch_ok;
}

FairMutex& device() {
  static FairMutex mutex;
  return mutex;
}

}  // namespace

const Options& options() { return chosen; }

void set_options(const Options& wanted) {
  const std::lock_guard<FairMutex> lock(device());
  if (wanted.capability != chosen.capability) shared_allowed.clear();
  chosen = wanted;
}

Limits limits_of(int capability) {
  switch (capability) {
    case 75: return {64 << 10, 40};
    case 80: return {163 << 10, 108};
    case 86: return {99 << 10, 84};
    case 89: return {99 << 10, 128};
    case 90: return {227 << 10, 132};
    case 100: return {227 << 10, 148};
    case 120: return {99 << 10, 170};
    default: return {};
  }
}

void launch(const LaunchShape& shape, void (*body)(const void*), const void* context) {
  const std::lock_guard<FairMutex> lock(device());
  if (check_limits(shape) != launch_ok) return;
  ++launched[shape.address];
  reserve_shared_memory();
  name_kernel(shape.kernel);
  grid = {shape.grid, shape.block, {}, chosen.capability, chosen.late_copies, shape.shared};
  begin_launch_checks(context, shape.argument_bytes);
  if (run_grid(chosen, body, context)) return;
  std::snprintf(problem, sizeof(problem), "%s: a trap or a misaligned access", shape.kernel);
  last = launch_trapped;
}

std::map<const void*, int64_t> launched_kernels() {
  const std::lock_guard<FairMutex> lock(device());
  return launched;
}

LaunchResult last_launch() {
  const LaunchResult result = last;
  last = launch_ok;
  return result;
}

const char* launch_problem() { return problem; }

LaunchResult allow_shared_bytes(const void* kernel, int64_t bytes) {
  const std::lock_guard<FairMutex> lock(device());
  const int64_t most = limits_of(chosen.capability).shared_per_block;
  if (bytes < 0 || bytes > most)
    return refuse("ALLOW_SHARED", "shared memory", static_cast<uint64_t>(bytes), static_cast<uint64_t>(most));
  shared_allowed[kernel] = bytes;
  return launch_ok;
}

void trap() { fault("a trap", *running, nullptr); }

}  // namespace cuda_emulator

// A CUDA device on the CPU, for tests. Kernels (native/cuda/kernels/*.cu) become C++ by device_emulated.h.
//
// The threads of a block are fibers of one thread of the system, blocks run one after the other. Barriers, shuffles,
// ldmatrix and mma are meetings of fibers: who is missing is a finding. What the emulator does not know: time, occupancy,
// bank conflicts, the rounding inside tensor cores, wgmma, TMA and mbarriers.
//
// Kernels compiled with -fsanitize=thread are checked as well (checks.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cuda_emulator {

enum class Order { ascending, descending, random };

struct Options {
  // 10 * major + minor, of one that limits_of() knows.
  int capability = 80;
  // In which threads take turns. Random: `seed` says how.
  Order order = Order::ascending;
  uint32_t seed = 1;
  // Asynchronous copies land at the wait for them, rather than at once.
  bool late_copies = false;
};

const Options& options();
// Not while a launch runs.
void set_options(const Options& options);

struct Limits {
  int shared_per_block = 0;  // bytes, once asked for by ALLOW_SHARED
  int multiprocessors = 0;   // of a usual device of that kind
};
constexpr int shared_without_asking = 48 << 10;
// All zeros for a capability that it does not know.
Limits limits_of(int capability);

// A fault of a kernel, or of how it was launched or given memory.
struct Finding {
  std::string kernel;
  std::string kind;  // such as "race: write after read"
  std::string text;  // with the place
};
// All since forget_findings(), and those described: only the first few of a kind in a kernel.
int64_t finding_count();
const std::vector<Finding>& findings();
void forget_findings();
// How often each kernel was launched in this process, by the address of its function.
std::map<const void*, int64_t> launched_kernels();
// Whether the kernels of this executable were compiled with checks.
bool checked();

}  // namespace cuda_emulator

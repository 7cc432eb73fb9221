// Launches of kernels and the limits they must keep, as device_emulated.h's macros spell them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "cuda_types.h"

namespace cuda_emulator {

// Orders launches; the emulator has one, so that it is passed and not looked at.
using Stream = void*;

enum LaunchResult : int {
  launch_ok = 0,
  launch_unknown,  // no kernel of such arguments
  launch_beyond_limits,
  launch_trapped  // nothing works on the device after that
};

// The most threads a block may have stand in the kernel's type, since a macro in front of its name can say no more: as the
// qualifiers of the void that it returns. A bound in between counts as the next of 128, 256, 512 and 1024.
template <int threads>
struct Bound {
  static_assert(threads > 0 && threads <= 1024, "no block has as many threads");
  using Void = std::conditional_t<
      threads <= 128, const volatile void,
      std::conditional_t<threads <= 256, const void, std::conditional_t<threads <= 512, volatile void, void>>>;
};
template <class Void>
constexpr int bound_of =
    std::is_const_v<Void> ? (std::is_volatile_v<Void> ? 128 : 256) : (std::is_volatile_v<Void> ? 512 : 1024);

struct LaunchShape {
  const char* kernel;   // as the launch spells it
  const void* address;  // of the kernel
  dim3 grid, block;
  size_t shared;
  int most_threads;
  size_t argument_bytes;
};

// Runs `body(context)` in every thread. Whether that was possible says last_launch().
void launch(const LaunchShape& shape, void (*body)(const void*), const void* context);
// Of the last launch of this thread of the system, and forgotten by the call, as cudaGetLastError.
LaunchResult last_launch();
// What there was to say about the last that failed.
const char* launch_problem();
LaunchResult allow_shared_bytes(const void* kernel, int64_t bytes);
// Ends the launch as a failed one.
void trap();

template <class Kernel>
LaunchResult allow_shared(Kernel* kernel, int64_t bytes) {
  return allow_shared_bytes(reinterpret_cast<const void*>(kernel), bytes);
}

template <class Void, class... Parameters, class... Arguments>
void launch_kernel(const char* name, Void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
                   Stream, const Arguments&... arguments) {
  struct Call {
    Void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> arguments;
  };
  const Call call{kernel, {arguments...}};
  const auto body = [](const void* context) {
    const Call& made = *static_cast<const Call*>(context);
    std::apply([&](const auto&... values) { made.kernel(values...); }, made.arguments);
  };
  launch({name, reinterpret_cast<const void*>(kernel), grid, block, shared, bound_of<Void>, sizeof(call)}, body,
         &call);
}

}  // namespace cuda_emulator

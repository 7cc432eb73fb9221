// The device language (native/cuda/kernels/device.cuh) in plain C++, for every compiler but nvcc. The names and what they mean
// are those of device_ptx.cuh.
#pragma once

#include <cstdint>
#include <cstring>

#include "async_copies.h"
#include "cuda_intrinsics.h"
#include "cuda_types.h"
#include "half_types.h"
#include "launch.h"
#include "warp.h"

#define threadIdx (::cuda_emulator::running->index)
#define blockIdx (::cuda_emulator::grid.block)
#define blockDim (::cuda_emulator::grid.block_size)
#define gridDim (::cuda_emulator::grid.size)

#define DEV CUDA_EMULATOR_INLINE
#define KERNEL(threads) static typename ::cuda_emulator::Bound<(threads)>::Void
#define SHARED_BYTES(name) unsigned char* const name = ::cuda_emulator::shared_memory
#define LAUNCH(kernel, grid, block, shared, stream, ...)                                               \
  ::cuda_emulator::launch_kernel(#kernel, (kernel), (grid), (block), static_cast<std::size_t>(shared), \
                                 (stream), __VA_ARGS__)
#define ALLOW_SHARED(kernel, bytes) ::cuda_emulator::allow_shared((kernel), (bytes))
#define LAST_LAUNCH() ::cuda_emulator::last_launch()
#define LAUNCH_OK ::cuda_emulator::launch_ok
#define LAUNCH_UNKNOWN ::cuda_emulator::launch_unknown

// A kernel's bound is written as the qualifiers of void, see launch.h.
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
#endif

namespace ipa::gpu {

using Stream = ::cuda_emulator::Stream;
using LaunchResult = ::cuda_emulator::LaunchResult;

DEV float to_float(float x) { return x; }
DEV float to_float(Half x) { return ::cuda_emulator::float_of_half(x.bits); }
DEV float to_float(BFloat x) { return ::cuda_emulator::float_of_bfloat(x.bits); }
template <class T>
DEV T from_float(float x);
template <>
DEV float from_float<float>(float x) {
  return x;
}
template <>
DEV Half from_float<Half>(float x) {
  return {::cuda_emulator::half_of_float(x)};
}
template <>
DEV BFloat from_float<BFloat>(float x) {
  return {::cuda_emulator::bfloat_of_float(x)};
}
template <class T>
DEV uint32_t pack2(float a, float b) {
  return from_float<T>(a).bits | static_cast<uint32_t>(from_float<T>(b).bits) << 16;
}

DEV void copy16(void* to, const void* from, bool valid) {
  ::cuda_emulator::copy_16(to, valid ? from : nullptr);
}
DEV void copy_commit() { ::cuda_emulator::commit_copies(); }
template <int pending>
DEV void copy_wait() {
  ::cuda_emulator::wait_for_copies(pending);
}

DEV void load_with(uint32_t (&r)[4], const void* row, const ::cuda_emulator::Meeting& meeting) {
  const ::cuda_emulator::Thread& me = *::cuda_emulator::running;
  me.warp->rows[me.lane] = row;
  ::cuda_emulator::meet_warp(~0u, meeting);
  std::memcpy(r, me.warp->words[me.lane], sizeof(r));
}
DEV void load_matrices(uint32_t (&r)[4], const void* row) { load_with(r, row, ::cuda_emulator::meeting_load); }
DEV void load_matrices_transposed(uint32_t (&r)[4], const void* row) {
  load_with(r, row, ::cuda_emulator::meeting_load_transposed);
}

DEV void multiply_with(float (&d)[4], const uint32_t (&a)[4], const uint32_t* b,
                       const ::cuda_emulator::Meeting& meeting) {
  const ::cuda_emulator::Thread& me = *::cuda_emulator::running;
  ::cuda_emulator::Warp& warp = *me.warp;
  std::memcpy(warp.left[me.lane], a, sizeof(a));
  std::memcpy(warp.right[me.lane], b, sizeof(warp.right[me.lane]));
  ::cuda_emulator::meet_warp(~0u, meeting);
  const float(&sums)[4] = warp.sums[me.lane];
  for (int i = 0; i < 4; ++i) d[i] += sums[i];
}
DEV void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t* b, Half) {
  multiply_with(d, a, b, ::cuda_emulator::meeting_product_half);
}
DEV void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t* b, BFloat) {
  if (::cuda_emulator::grid.capability < 80) return __trap();  // as device_ptx.cuh
  multiply_with(d, a, b, ::cuda_emulator::meeting_product_bfloat);
}

}  // namespace ipa::gpu

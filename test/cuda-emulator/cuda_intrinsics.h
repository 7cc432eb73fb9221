// Functions that CUDA itself gives to kernels, in the global namespace as with nvcc.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "checks.h"
#include "cuda_types.h"
#include "half_types.h"
#include "launch.h"
#include "warp.h"

// Always inline: a copy of these compiled without checks must not serve a checked kernel.
#define CUDA_EMULATOR_INLINE inline __attribute__((always_inline))

CUDA_EMULATOR_INLINE void __syncthreads() { cuda_emulator::meet_block(false); }
CUDA_EMULATOR_INLINE int __syncthreads_or(int vote) { return cuda_emulator::meet_block(vote != 0); }
CUDA_EMULATOR_INLINE int __syncthreads_and(int vote) { return !cuda_emulator::meet_block(vote == 0); }
CUDA_EMULATOR_INLINE void __syncwarp(unsigned mask = ~0u) {
  cuda_emulator::meet_warp(mask, cuda_emulator::meeting_sync);
}
CUDA_EMULATOR_INLINE void __trap() { cuda_emulator::trap(); }

namespace cuda_emulator {

template <class T>
CUDA_EMULATOR_INLINE T shuffle_from(unsigned mask, T value, int from) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "CUDA shuffles no others");
  const Thread& me = *running;
  Warp& warp = *me.warp;
  std::memcpy(&warp.values[me.lane], &value, sizeof(T));
  warp.from[me.lane] = from;
  meet_warp(mask, meeting_shuffle);
  std::memcpy(&value, &warp.received[me.lane], sizeof(T));
  return value;
}

CUDA_EMULATOR_INLINE unsigned ballot_of(unsigned mask, bool vote) {
  const Thread& me = *running;
  me.warp->values[me.lane] = vote;
  meet_warp(mask, meeting_ballot);
  return me.warp->ballot[me.lane];
}

// Threads take turns, so that plain arithmetic is atomic. Not inline: these are checked as what they are.
template <class T>
struct Atomic {
  static T add(T* at, T value);
  static T most(T* at, T value);
  static T least(T* at, T value);
};
extern template struct Atomic<int>;
extern template struct Atomic<unsigned>;
extern template struct Atomic<float>;

}  // namespace cuda_emulator

template <class T>
CUDA_EMULATOR_INLINE T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return cuda_emulator::shuffle_from(mask, value,
                                     (cuda_emulator::running->lane & -width) | (lane & (width - 1)));
}
template <class T>
CUDA_EMULATOR_INLINE T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int mine = cuda_emulator::running->lane, from = mine ^ bits;
  return cuda_emulator::shuffle_from(mask, value, from < (mine & -width) + width ? from : mine);
}
template <class T>
CUDA_EMULATOR_INLINE T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int mine = cuda_emulator::running->lane, from = mine + static_cast<int>(by);
  return cuda_emulator::shuffle_from(mask, value, from < (mine & -width) + width ? from : mine);
}
template <class T>
CUDA_EMULATOR_INLINE T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int mine = cuda_emulator::running->lane, from = mine - static_cast<int>(by);
  return cuda_emulator::shuffle_from(mask, value, from >= (mine & -width) ? from : mine);
}

CUDA_EMULATOR_INLINE unsigned __ballot_sync(unsigned mask, int vote) {
  return cuda_emulator::ballot_of(mask, vote != 0);
}
CUDA_EMULATOR_INLINE int __any_sync(unsigned mask, int vote) {
  return cuda_emulator::ballot_of(mask, vote != 0) != 0;
}
CUDA_EMULATOR_INLINE int __all_sync(unsigned mask, int vote) {
  return cuda_emulator::ballot_of(mask, vote == 0) == 0;
}

CUDA_EMULATOR_INLINE int atomicAdd(int* at, int value) { return cuda_emulator::Atomic<int>::add(at, value); }
CUDA_EMULATOR_INLINE unsigned atomicAdd(unsigned* at, unsigned value) {
  return cuda_emulator::Atomic<unsigned>::add(at, value);
}
CUDA_EMULATOR_INLINE float atomicAdd(float* at, float value) {
  return cuda_emulator::Atomic<float>::add(at, value);
}
CUDA_EMULATOR_INLINE int atomicMax(int* at, int value) { return cuda_emulator::Atomic<int>::most(at, value); }
CUDA_EMULATOR_INLINE unsigned atomicMax(unsigned* at, unsigned value) {
  return cuda_emulator::Atomic<unsigned>::most(at, value);
}
CUDA_EMULATOR_INLINE int atomicMin(int* at, int value) { return cuda_emulator::Atomic<int>::least(at, value); }
CUDA_EMULATOR_INLINE unsigned atomicMin(unsigned* at, unsigned value) {
  return cuda_emulator::Atomic<unsigned>::least(at, value);
}

// exp2f, expf, tanhf, erff, sqrtf, fmaxf and the like are those of <cmath>. The quick ones are as good as the others here.
CUDA_EMULATOR_INLINE float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
CUDA_EMULATOR_INLINE float __expf(float x) { return std::exp(x); }
CUDA_EMULATOR_INLINE float __logf(float x) { return std::log(x); }
CUDA_EMULATOR_INLINE float __fdividef(float a, float b) { return a / b; }
CUDA_EMULATOR_INLINE float __frcp_rn(float x) { return 1.0f / x; }
CUDA_EMULATOR_INLINE float __fadd_rn(float a, float b) { return a + b; }
CUDA_EMULATOR_INLINE float __fmul_rn(float a, float b) { return a * b; }
CUDA_EMULATOR_INLINE float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
CUDA_EMULATOR_INLINE int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
CUDA_EMULATOR_INLINE float __int_as_float(int x) {
  return cuda_emulator::float_of_bits(static_cast<uint32_t>(x));
}
CUDA_EMULATOR_INLINE float __uint_as_float(unsigned x) { return cuda_emulator::float_of_bits(x); }
CUDA_EMULATOR_INLINE int __float_as_int(float x) { return static_cast<int>(cuda_emulator::bits_of_float(x)); }
CUDA_EMULATOR_INLINE unsigned __float_as_uint(float x) { return cuda_emulator::bits_of_float(x); }
CUDA_EMULATOR_INLINE int __popc(unsigned x) { return __builtin_popcount(x); }
CUDA_EMULATOR_INLINE int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
CUDA_EMULATOR_INLINE int __ffs(int x) { return __builtin_ffs(x); }
template <class T>
CUDA_EMULATOR_INLINE T __ldg(const T* at) {
  return *at;
}

CUDA_EMULATOR_INLINE int min(int a, int b) { return a < b ? a : b; }
CUDA_EMULATOR_INLINE int max(int a, int b) { return a > b ? a : b; }
CUDA_EMULATOR_INLINE unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
CUDA_EMULATOR_INLINE unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
CUDA_EMULATOR_INLINE long min(long a, long b) { return a < b ? a : b; }
CUDA_EMULATOR_INLINE long max(long a, long b) { return a > b ? a : b; }
CUDA_EMULATOR_INLINE long long min(long long a, long long b) { return a < b ? a : b; }
CUDA_EMULATOR_INLINE long long max(long long a, long long b) { return a > b ? a : b; }
CUDA_EMULATOR_INLINE float min(float a, float b) { return fminf(a, b); }
CUDA_EMULATOR_INLINE float max(float a, float b) { return fmaxf(a, b); }

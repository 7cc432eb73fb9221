// What kernels may use: one spelling for nvcc (inline PTX) and for the emulator of test/cuda-emulator (plain C++), so that
// the same .cu files are compiled by both. Instructions that sm_75 lacks (m16n8k16, cp.async) are made of what it has.
//
// Kernels are `KERNEL(threads) name(const Args arguments)`, launched by LAUNCH and, above 48 KiB of shared memory,
// prepared by ALLOW_SHARED. KERNEL_FOR(threads, blocks) leaves registers for so many blocks on a multiprocessor, of which
// blocks_by_shared(bytes) have room in its shared memory. DEV marks device functions. Half types are Half and BFloat,
// values of 16 bits without operators: to_float(x), from_float<T>(f), pack2<T>(a, b) (a in the low bits).
#pragma once

#include <cstdint>

#include "cuda/api/kernel_args.h"

#ifdef __CUDACC__
#include "cuda/kernels/device_ptx.cuh"
#else
#include "device_emulated.h"
#endif

#ifndef KERNEL_FOR
#define KERNEL_FOR(threads, blocks) KERNEL(threads)
#endif

namespace ipa::gpu {

// In KiB, of a multiprocessor: of the GPU that is compiled for, and of the largest elsewhere.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ == 900 || __CUDA_ARCH__ == 1000
constexpr int shared_kib = 228;
#elif __CUDA_ARCH__ == 800
constexpr int shared_kib = 164;
#elif __CUDA_ARCH__ >= 860
constexpr int shared_kib = 100;
#else
constexpr int shared_kib = 64;
#endif
// A block has 1 KiB beside its own.
constexpr int blocks_by_shared(int bytes) { return shared_kib * 1024 / (bytes + 1024); }

}  // namespace ipa::gpu

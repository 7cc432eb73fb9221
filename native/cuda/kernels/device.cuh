// What kernels may use: one spelling for nvcc (inline PTX) and for the emulator of test/cuda-emulator (plain C++), so that
// the same .cu files are compiled by both. Instructions that sm_75 lacks (m16n8k16, cp.async) are made of what it has.
//
// Kernels are `KERNEL(threads) name(const Args arguments)`, launched by LAUNCH and, above 48 KiB of shared memory,
// prepared by ALLOW_SHARED. KERNEL_FOR(threads, blocks) leaves room for so many blocks on a multiprocessor. DEV marks device functions. Half types are Half and BFloat, values of 16 bits without operators:
// to_float(x), from_float<T>(f), pack2<T>(a, b) (a in the low bits).
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

// The tables of kernels that are compiled for this architecture, each by a file of its own (kernels_*.cc),
// and those parts of them that another instruction set shares: compiled once, they are in its table as well.
#pragma once

#include "cpu/kernels/kernels.h"

namespace ipa {

extern const Kernels kernels_scalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512_vnni;
extern const Kernels kernels_avx512_bf16;
extern const ComputeKernels f32_avx2, bf16_avx2, f32_avx512, bf16_avx512, f32_avx512_bf16;
extern const IntegerKernels integers_avx512_bf16;
// Where the compiler knows the instructions.
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11)
#define IPA_HAS_AMX
extern const Kernels kernels_amx;
#endif
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11) || (defined(_MSC_VER) && !defined(__clang__))
#define IPA_HAS_AVX2_VNNI
extern const Kernels kernels_avx2_vnni;
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const Kernels kernels_neon;
extern const Kernels kernels_neon_dot;
extern const Kernels kernels_neon_bf16;
extern const ComputeKernels f32_neon, bf16_neon;
extern const IntegerKernels integers_neon_dot;
#endif

}  // namespace ipa

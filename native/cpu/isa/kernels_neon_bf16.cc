// The kernels for neon_bf16: those of neon_dot with products of bf16 by one instruction (ARMv8.6).
#if defined(__aarch64__) || defined(_M_ARM64)
#define IPA_ISA neon_bf16
#if defined(__clang__)
#define IPA_TARGET "dotprod,bf16"
#else
#define IPA_TARGET "arch=armv8.2-a+dotprod+bf16"
#endif
#define IPA_DOT
#define IPA_BF16
#define IPA_F32_OF neon
#define IPA_INTEGERS_OF neon_dot
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_neon-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

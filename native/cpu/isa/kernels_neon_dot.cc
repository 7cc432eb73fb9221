// The kernels for neon_dot: those of neon with byte products by one instruction (the dot products of ARMv8.2).
#if defined(__aarch64__) || defined(_M_ARM64)
#define IPA_ISA neon_dot
#if defined(__clang__)
#define IPA_TARGET "dotprod"
#else
#define IPA_TARGET "arch=armv8.2-a+dotprod"
#endif
#define IPA_DOT
#define IPA_F32_OF neon
#define IPA_BF16_OF neon
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_neon-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

// The kernels for avx512_bf16: those of avx512_vnni with products of bf16 by one instruction.
#if defined(__x86_64__) || defined(_M_X64)
#define IPA_ISA avx512_bf16
#define IPA_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c"
#define IPA_VNNI
#define IPA_BF16
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx512-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

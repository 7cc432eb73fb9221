// The kernels for amx: those of avx512_bf16 with products of bf16 on tiles
// (Intel server processors from 2023 on).
#include "cpu/isa/isa_tables.h"

#if defined(IPA_HAS_AMX)
#define IPA_ISA amx
#define IPA_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,amx-tile,amx-bf16,avx2,fma,f16c"
#define IPA_VNNI
#define IPA_BF16
#define IPA_AMX
#define IPA_F32_OF avx512_bf16
#define IPA_INTEGERS_OF avx512_bf16
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx512-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

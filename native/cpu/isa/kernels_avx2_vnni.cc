// The kernels for avx2_vnni: those of avx2 with integer products by one instruction,
// of the processors that have it in the encoding of AVX (client processors from 2021 on) and no AVX-512.
#include "cpu/isa/isa_tables.h"

#if defined(IPA_HAS_AVX2_VNNI)
#define IPA_ISA avx2_vnni
#define IPA_TARGET "avx2,fma,f16c,avxvnni"
#define IPA_VNNI
#define IPA_F32_OF avx2
#define IPA_BF16_OF avx2
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx2-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

// The kernels for avx512_vnni: those of avx512 with byte products by one instruction.
#if defined(__x86_64__) || defined(_M_X64)
#define IPA_ISA avx512_vnni
#define IPA_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"
#define IPA_VNNI
#define IPA_F32_OF avx512
#define IPA_BF16_OF avx512
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx512-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

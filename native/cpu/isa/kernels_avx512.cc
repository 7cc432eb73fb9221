// The kernels for avx512.
#if defined(__x86_64__) || defined(_M_X64)
#define IPA_ISA avx512
#define IPA_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx512-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

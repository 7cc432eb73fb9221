// The kernels for avx2.
#if defined(__x86_64__) || defined(_M_X64)
#define IPA_ISA avx2
#define IPA_TARGET "avx2,fma,f16c"
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx2-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

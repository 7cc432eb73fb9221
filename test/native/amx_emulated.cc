// The kernels of cpu/isa/kernels_amx.cc with tiles in plain C++ and everything else of AVX-512:
// what can be tested of them on machines without AMX is that the tiles are loaded with the right things.
#include "amx_emulated.h"

#if defined(__x86_64__) || defined(_M_X64)
#define IPA_ISA amx_emulated
#define IPA_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"
#define IPA_AMX
#define IPA_AMX_EMULATED
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_avx512-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

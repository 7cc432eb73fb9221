// The kernels for neon.
#if defined(__aarch64__) || defined(_M_ARM64)
#define IPA_ISA neon
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_neon-inl.h"

#include "cpu/isa/isa_end-inl.h"
#endif

// The kernels in plain C++, for every processor.
#define IPA_ISA scalar
#include "cpu/isa/isa_begin-inl.h"

#include "cpu/isa/vec_scalar-inl.h"

#include "cpu/isa/isa_end-inl.h"

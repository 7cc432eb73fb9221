// Closes what cpu/isa/isa_begin-inl.h opened: compiles the kernels for the vectors that stand between,
// and puts them into the instruction set's table.
#include "cpu/kernels/kernels-inl.h"
}  // namespace
}  // namespace IPA_ISA

// Ready before the program starts: no code of the instruction set runs unasked.
#if !defined(IPA_F32_OF)
#define IPA_F32_OF IPA_ISA
constexpr ComputeKernels IPA_JOIN(f32_, IPA_ISA) = IPA_ISA::f32_kernels();
#endif
#if !defined(IPA_BF16_OF)
#define IPA_BF16_OF IPA_ISA
constexpr ComputeKernels IPA_JOIN(bf16_, IPA_ISA) = IPA_ISA::bf16_kernels();
#endif
#if !defined(IPA_INTEGERS_OF)
#define IPA_INTEGERS_OF IPA_ISA
constexpr IntegerKernels IPA_JOIN(integers_, IPA_ISA) = IPA_ISA::integer_kernels();
#endif
constexpr Kernels IPA_JOIN(kernels_, IPA_ISA) = IPA_ISA::table(IPA_TEXT(IPA_ISA), IPA_JOIN(f32_, IPA_F32_OF),
                                                               IPA_JOIN(bf16_, IPA_BF16_OF),
                                                               IPA_JOIN(integers_, IPA_INTEGERS_OF));
}  // namespace ipa

#if defined(IPA_TARGET) && defined(__clang__)
IPA_PRAGMA(clang attribute pop)
#elif defined(IPA_TARGET) && defined(__GNUC__)
IPA_PRAGMA(GCC pop_options)
#endif

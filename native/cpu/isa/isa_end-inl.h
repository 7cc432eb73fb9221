// Closes what cpu/isa/isa_begin-inl.h opened: compiles every kernel for the vectors that stand between,
// and puts them into the instruction set's table.
#include "cpu/kernels/kernels-inl.h"
}  // namespace
}  // namespace IPA_ISA

// Ready before the program starts: no code of the instruction set runs unasked.
constexpr Kernels IPA_JOIN(kernels_, IPA_ISA) = IPA_ISA::table(IPA_TEXT(IPA_ISA));
}  // namespace ipa

#if defined(IPA_TARGET) && defined(__clang__)
IPA_PRAGMA(clang attribute pop)
#elif defined(IPA_TARGET) && defined(__GNUC__)
IPA_PRAGMA(GCC pop_options)
#endif

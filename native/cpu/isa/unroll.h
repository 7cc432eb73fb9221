// Before a loop of a few fixed rounds whose arrays are meant to be registers:
// without it compilers unroll too late to notice, and carry every element through memory.
#pragma once

#if defined(__clang__)
#define IPA_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define IPA_UNROLL _Pragma("GCC unroll 16")
#else
#define IPA_UNROLL
#endif

#pragma once

#include "cpu/kernels/kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
namespace ipa {
extern const Kernels kernels_amx_emulated;  // needs AVX-512
}
#endif

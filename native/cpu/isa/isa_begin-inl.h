// Opens an instruction set's file (kernels_*.cc): its target region and its namespace, in which its vectors and
// then cpu/isa/isa_end-inl.h follow. Defined before it is included:
// - IPA_ISA: the name, of the namespace and of the table (kernels_<IPA_ISA>);
// - IPA_TARGET: what the compiler may use besides the architecture's baseline; undefined: nothing;
// - IPA_F32_OF, IPA_BF16_OF, IPA_INTEGERS_OF: the instruction set whose kernels do these products as well as
//   this one could; undefined: they are compiled here.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>
#endif

#include "base/bfloat16.h"
#include "base/float16.h"
#include "cpu/isa/isa_tables.h"
#include "cpu/isa/unroll.h"
#include "cpu/kernels/kernels.h"

// In two steps, so that a macro among the arguments is replaced first.
#define IPA_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define IPA_JOIN_TOKENS(a, b) a##b
#define IPA_JOIN(a, b) IPA_JOIN_TOKENS(a, b)
#define IPA_TEXT_OF(a) #a
#define IPA_TEXT(a) IPA_TEXT_OF(a)

// A target region instead of compiler flags: the same source list builds everywhere, and nothing outside
// is compiled for a processor the user may not have. MSVC takes every instruction everywhere.
#if defined(IPA_TARGET) && defined(__clang__)
#define IPA_BEGIN_TARGET(target_names) \
  IPA_PRAGMA(clang attribute push(__attribute__((target(target_names))), apply_to = function))
IPA_BEGIN_TARGET(IPA_TARGET)
#elif defined(IPA_TARGET) && defined(__GNUC__)
#define IPA_BEGIN_TARGET(target_names) IPA_PRAGMA(GCC push_options) IPA_PRAGMA(GCC target(target_names))
IPA_BEGIN_TARGET(IPA_TARGET)
#endif

namespace ipa {
namespace IPA_ISA {
namespace {

#include "cpu/isa/cpu_features.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/windows.h"
#include "cpu/isa/isa_tables.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#endif

namespace ipa {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(out[0]), static_cast<uint32_t>(out[1]), static_cast<uint32_t>(out[2]),
       static_cast<uint32_t>(out[3])};
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

// The register sets the operating system saves.
uint64_t xgetbv() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
#endif
}

// Linux gives a process tiles when it asks, once for all its threads; elsewhere they are left alone.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

struct X86 {
  bool avx2 = false, avx_vnni = false, avx512 = false, avx512_vnni = false, avx512_bf16 = false, amx = false;
  std::vector<std::string> names;
  std::string name;
};

X86 detect() {
  X86 x;
  const uint32_t top = cpuid(0, 0).eax;
  const Registers one = cpuid(1, 0);
  auto bit = [](uint32_t word, int i) { return (word >> i & 1u) != 0; };
  const bool os_saves = bit(one.ecx, 27);
  const uint64_t saved = os_saves ? xgetbv() : 0;
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6, tiles = (saved & 0x60000) == 0x60000;
  const Registers seven = top >= 7 ? cpuid(7, 0) : Registers{};
  const Registers seven_one = top >= 7 && seven.eax >= 1 ? cpuid(7, 1) : Registers{};
  auto note = [&](const char* name, bool have) {
    if (have) x.names.push_back(name);
    return have;
  };
  const bool fma = bit(one.ecx, 12), f16c = bit(one.ecx, 29);
  note("sse4.2", bit(one.ecx, 20));
  note("avx", ymm && bit(one.ecx, 28));
  note("fma", ymm && fma);
  note("f16c", ymm && f16c);
  x.avx2 = note("avx2", ymm && bit(seven.ebx, 5)) && fma && f16c;
  const bool f = note("avx512f", zmm && bit(seven.ebx, 16));
  const bool dq = note("avx512dq", zmm && bit(seven.ebx, 17));
  const bool bw = note("avx512bw", zmm && bit(seven.ebx, 30));
  const bool vl = note("avx512vl", zmm && bit(seven.ebx, 31));
  x.avx512 = x.avx2 && f && dq && bw && vl;
  x.avx512_vnni = note("avx512_vnni", zmm && bit(seven.ecx, 11)) && x.avx512;
  x.avx512_bf16 = note("avx512_bf16", zmm && bit(seven_one.eax, 5)) && x.avx512_vnni;
  x.avx_vnni = note("avx_vnni", ymm && bit(seven_one.eax, 4)) && x.avx2;
  x.amx =
      note("amx_bf16", tiles && bit(seven.edx, 22) && bit(seven.edx, 24)) && x.avx512_bf16 && may_use_tiles();
  note("amx_int8", tiles && bit(seven.edx, 25));
  if (cpuid(0x80000000u, 0).eax >= 0x80000004u) {
    char text[49] = {};
    for (uint32_t i = 0; i < 3; ++i) {
      const Registers r = cpuid(0x80000002u + i, 0);
      std::memcpy(text + 16 * i, &r, 16);
    }
    x.name = text;
    while (!x.name.empty() && x.name.back() == ' ') x.name.pop_back();
  }
  return x;
}

const X86& x86() {
  static const X86 found = detect();
  return found;
}
#elif defined(__aarch64__) || defined(_M_ARM64)
bool has_dot_products() {
#if defined(__APPLE__)
  return true;  // every Mac of this architecture
#elif defined(_WIN32)
  constexpr DWORD dot_products = 43;  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
  return IsProcessorFeaturePresent(dot_products) != 0;
#elif defined(__linux__)
  constexpr unsigned long dot_products = 1ul << 20;  // HWCAP_ASIMDDP
  return (getauxval(AT_HWCAP) & dot_products) != 0;
#else
  return false;
#endif
}

bool has_bf16() {
#if defined(__APPLE__)
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &value, &size, nullptr, 0) == 0 && value != 0;
#elif defined(_WIN32)
  constexpr DWORD bf16 =
      68;  // PF_ARM_V86_BF16_INSTRUCTIONS_AVAILABLE; false where Windows does not know the number
  return IsProcessorFeaturePresent(bf16) != 0;
#elif defined(__linux__)
  constexpr unsigned long bf16 = 1ul << 14;  // HWCAP2_BF16
  return (getauxval(AT_HWCAP2) & bf16) != 0;
#else
  return false;
#endif
}
#endif

}  // namespace

const std::vector<std::string>& cpu_features() {
#if defined(__x86_64__) || defined(_M_X64)
  return x86().names;
#elif defined(__aarch64__) || defined(_M_ARM64)
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list = {"neon"};
    if (has_dot_products()) list.push_back("dotprod");
    if (has_bf16()) list.push_back("bf16");
    return list;
  }();
  return names;
#else
  static const std::vector<std::string> names;
  return names;
#endif
}

std::string cpu_name() {
#if defined(__x86_64__) || defined(_M_X64)
  return x86().name;
#else
  return "";
#endif
}

const std::vector<const Kernels*>& runnable_kernels() {
  static const std::vector<const Kernels*> tables = [] {
    std::vector<const Kernels*> list = {&kernels_scalar};
#if defined(__x86_64__) || defined(_M_X64)
    if (x86().avx2) list.push_back(&kernels_avx2);
#if defined(IPA_HAS_AVX2_VNNI)
    if (x86().avx_vnni) list.push_back(&kernels_avx2_vnni);
#endif
    if (x86().avx512) list.push_back(&kernels_avx512);
    if (x86().avx512_vnni) list.push_back(&kernels_avx512_vnni);
    if (x86().avx512_bf16) list.push_back(&kernels_avx512_bf16);
#if defined(IPA_HAS_AMX)
    if (x86().amx) list.push_back(&kernels_amx);
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
    list.push_back(&kernels_neon);  // part of the architecture
    if (has_dot_products()) list.push_back(&kernels_neon_dot);
    if (has_dot_products() && has_bf16()) list.push_back(&kernels_neon_bf16);
#endif
    return list;
  }();
  return tables;
}

Result<const Kernels*> choose_kernels() {
  const auto& tables = runnable_kernels();
  const char* forced = std::getenv("NODE_IP_ADAPTER_ISA");
  if (!forced || !*forced) return tables.back();
  std::string names;
  for (const Kernels* table : tables) {
    if (!std::strcmp(table->isa, forced)) return table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  bool known = false;
  for (const char* name :
       {"avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx", "neon", "neon_dot", "neon_bf16"})
    known = known || !std::strcmp(forced, name);
  return Status(Code::invalid_option,
                std::string("NODE_IP_ADAPTER_ISA=") + std::string(forced).substr(0, 40) +
                    (known ? " is not supported by this machine" : " is no instruction set") + ": use one of " +
                    names + ", or leave it unset");
}

}  // namespace ipa

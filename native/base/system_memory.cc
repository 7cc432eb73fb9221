#include "base/system_memory.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#elif defined(__APPLE__)
#include <mach/mach.h>
#include <sys/sysctl.h>
#else
#include <cstdio>
#include <cstring>
#include <memory>
#endif

namespace ipa {

SystemMemory system_memory() {
  SystemMemory memory;
#if defined(_WIN32)
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  if (GlobalMemoryStatusEx(&status)) {
    memory.total = status.ullTotalPhys;
    memory.available = status.ullAvailPhys;
  }
#elif defined(__APPLE__)
  size_t size = sizeof memory.total;
  sysctlbyname("hw.memsize", &memory.total, &size, nullptr, 0);
  vm_statistics64_data_t statistics;
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics),
                        &count) == KERN_SUCCESS)
    memory.available = (uint64_t{statistics.free_count} + statistics.inactive_count) * vm_kernel_page_size;
#else
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/meminfo", "r"), &std::fclose);
  char line[128];
  while (file && std::fgets(line, sizeof line, file.get())) {
    unsigned long long kilobytes = 0;
    if (std::sscanf(line, "MemTotal: %llu", &kilobytes) == 1) memory.total = kilobytes * 1024;
    if (std::sscanf(line, "MemAvailable: %llu", &kilobytes) == 1) memory.available = kilobytes * 1024;
  }
#endif
  return memory;
}

}  // namespace ipa

#include "base/system_memory.h"

#include <algorithm>

#include "base/windows.h"

#if defined(__APPLE__)
#include <mach/mach.h>
#include <sys/sysctl.h>
#elif !defined(_WIN32)
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#endif

namespace ipa {

#if !defined(_WIN32) && !defined(__APPLE__)
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
File open_text(const std::string& path) { return File(std::fopen(path.c_str(), "r"), &std::fclose); }

// A file that holds one number; otherwise ("max", no such file) `other`.
uint64_t read_number(const std::string& path, uint64_t other) {
  const File file = open_text(path);
  unsigned long long number = 0;
  return file && std::fscanf(file.get(), "%llu", &number) == 1 ? number : other;
}

// The least of what the groups around this process allow; containers run in one.
uint64_t group_limit(uint64_t limit) {
  const std::string root = "/sys/fs/cgroup";
  limit = std::min(limit, read_number(root + "/memory/memory.limit_in_bytes", limit));  // version 1
  const File file = open_text("/proc/self/cgroup");
  char line[512];
  while (file && std::fgets(line, sizeof line, file.get())) {
    if (std::strncmp(line, "0::/", 4) != 0) continue;  // version 2
    std::string group(line + 3);
    group.erase(group.find_last_not_of("\n") + 1);
    for (;;) {
      limit = std::min(limit, read_number(root + group + "/memory.max", limit));
      const size_t slash = group.rfind('/');
      if (slash == std::string::npos || group.size() <= 1) break;
      group.erase(slash == 0 ? 1 : slash);
    }
  }
  return limit;
}

}  // namespace
#endif

SystemMemory system_memory() {
  SystemMemory memory;
#if defined(_WIN32)
  MEMORYSTATUSEX status;
  status.dwLength = sizeof status;
  if (GlobalMemoryStatusEx(&status)) {
    memory.total = status.ullTotalPhys;
    // Memory is promised from the page file, whether it is used or not.
    memory.available = std::min(status.ullAvailPhys, status.ullAvailPageFile);
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
  const File file = open_text("/proc/meminfo");
  char line[128];
  while (file && std::fgets(line, sizeof line, file.get())) {
    unsigned long long kilobytes = 0;
    if (std::sscanf(line, "MemTotal: %llu", &kilobytes) == 1) memory.total = kilobytes * 1024;
    if (std::sscanf(line, "MemAvailable: %llu", &kilobytes) == 1) memory.available = kilobytes * 1024;
  }
#endif
#if defined(_WIN32) || defined(__APPLE__)
  memory.limit = memory.total;
#else
  memory.limit = group_limit(memory.total);
#endif
  return memory;
}

}  // namespace ipa

#include "report.h"

#include <cstdio>

#include "emulator.h"
#include "scheduler.h"

namespace cuda_emulator {
namespace {

constexpr int described_of_a_kind = 3;

struct Record {
  const char* kernel = "";
  int64_t count = 0;
  std::vector<Finding> findings;
};
Record record;

bool described_enough(const char* kind) {
  int same = 0;
  for (const Finding& finding : record.findings)
    same += finding.kind == kind && finding.kernel == record.kernel;
  return same >= described_of_a_kind;
}

std::string place_of(const Thread& thread) {
  char text[128];
  std::snprintf(text, sizeof(text), "thread (%u, %u, %u) of block (%u, %u, %u)", thread.index.x, thread.index.y,
                thread.index.z, grid.block.x, grid.block.y, grid.block.z);
  return text;
}

std::string address_text(const void* address) {
  char text[64];
  const auto at = reinterpret_cast<uintptr_t>(address), shared = reinterpret_cast<uintptr_t>(shared_memory);
  if (at >= shared && at < shared + (256u << 10))
    std::snprintf(text, sizeof(text), "byte %zu of %zu of shared memory", static_cast<size_t>(at - shared),
                  grid.shared_bytes);
  else
    std::snprintf(text, sizeof(text), "%p", address);
  return text;
}

}  // namespace

void name_kernel(const char* name) { record.kernel = name; }

void report(const char* kind, const Thread* thread, const char* where, const void* address) {
  ++record.count;
  if (described_enough(kind)) return;
  std::string text = std::string(record.kernel) + ": " + kind;
  if (where) text += std::string(" (") + where + ")";
  if (address) text += " at " + address_text(address);
  if (thread) text += ", " + place_of(*thread);
  record.findings.push_back({record.kernel, kind, text});
}

void fault(const char* kind, const Thread& thread, const void* address) {
  report(kind, &thread, nullptr, address);
  if (running) end_launch();
}

void report_missing(const Warp& warp, const Group& group, uint32_t missing, bool ended) {
  char where[96];
  std::snprintf(where, sizeof(where), "%s of lanes %08x, of which %08x are missing", group.meeting->name,
                group.mask, missing);
  report(ended ? "lanes have ended for which others wait" : "lanes wait for others that do not come",
         &warp.threads[__builtin_ctz(group.arrived)], where);
}

int64_t finding_count() { return record.count; }
const std::vector<Finding>& findings() { return record.findings; }
void forget_findings() {
  record.count = 0;
  record.findings.clear();
}

}  // namespace cuda_emulator

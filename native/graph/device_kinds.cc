#include "graph/device_kinds.h"

#include <map>
#include <mutex>
#include <utility>

namespace ipa {
namespace {

struct Kinds {
  std::mutex mutex;
  std::map<std::string, OpenDevice> open;
};

Kinds& all_kinds() {
  static Kinds kinds;
  return kinds;
}

}  // namespace

void add_device_kind(const std::string& kind, OpenDevice open) {
  Kinds& kinds = all_kinds();
  const std::lock_guard<std::mutex> lock(kinds.mutex);
  kinds.open[kind] = std::move(open);
}

OpenDevice find_device_kind(const std::string& kind) {
  Kinds& kinds = all_kinds();
  const std::lock_guard<std::mutex> lock(kinds.mutex);
  const auto found = kinds.open.find(kind);
  return found == kinds.open.end() ? OpenDevice() : found->second;
}

}  // namespace ipa

#include "pipeline/load/devices.h"

#include <map>
#include <mutex>
#include <utility>

#include "cpu/cpu_backend.h"
#include "cpu/isa/cpu_features.h"

namespace ipa {
namespace {

constexpr const char* part_options[part_count] = {"devices.unet", "devices.vae", "devices.textEncoder",
                                                  "devices.imageEncoder"};

class Kinds {
 public:
  static Kinds& all() {
    static Kinds kinds;
    return kinds;
  }
  void add(const std::string& kind, OpenDevice open) {
    const std::lock_guard<std::mutex> lock(mutex_);
    kinds_[kind] = std::move(open);
  }
  OpenDevice find(const std::string& kind) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = kinds_.find(kind);
    return found == kinds_.end() ? OpenDevice() : found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, OpenDevice> kinds_;
};

Result<std::shared_ptr<const Backend>> open_cpu(int threads) {
  IPA_ASSIGN(const Kernels* kernels, choose_kernels());
  return std::shared_ptr<const Backend>(std::make_shared<const CpuBackend>(*kernels, threads));
}

struct DeviceName {
  std::string kind;
  int index = 0;
};

// Of "cuda:1" and the like; an index that is none is -1.
DeviceName read_name(const std::string& name) {
  const size_t colon = name.find(':');
  if (colon == std::string::npos) return {name, 0};
  const std::string digits = name.substr(colon + 1);
  const bool number =
      !digits.empty() && digits.size() <= 3 && digits.find_first_not_of("0123456789") == std::string::npos;
  return {name.substr(0, colon), number ? std::stoi(digits) : -1};
}

Result<std::shared_ptr<const Backend>> open_device(const std::string& asked, const std::string& option,
                                                   int threads) {
  if (asked == "auto" || asked == "cpu") return open_cpu(threads);
  const DeviceName name = read_name(asked);
  const OpenDevice open = Kinds::all().find(name.kind);
  if (!open || name.index < 0)
    return Status::option(option, "there is no device \"" + asked + "\" here: use \"cpu\", or leave it out");
  Result<std::shared_ptr<const Backend>> opened = open(name.index, threads);
  if (!opened.ok() && opened.status().code() == Code::invalid_option)
    return Status::option(option, opened.status().message());
  return opened;
}

}  // namespace

void add_device_kind(const std::string& kind, OpenDevice open) { Kinds::all().add(kind, std::move(open)); }

Result<Devices> Devices::open(const DeviceRequest& request, int threads) {
  Devices self;
  std::map<std::string, std::shared_ptr<const Backend>> opened;
  for (size_t part = 0; part < part_count; ++part) {
    const bool own = !request.parts[part].empty();
    const std::string& name = own ? request.parts[part] : request.device;
    std::shared_ptr<const Backend>& backend = opened[name];
    if (!backend) {
      IPA_ASSIGN(backend, open_device(name, own ? part_options[part] : "device", threads));
    }
    self.backends_[part] = backend;
  }
  return self;
}

}  // namespace ipa

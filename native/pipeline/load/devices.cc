#include "pipeline/load/devices.h"

#include <map>
#include <utility>

#include "cpu/cpu_backend.h"
#include "cpu/isa/cpu_features.h"

namespace ipa {
namespace {

// The kind that "auto" tries.
constexpr const char* best_kind = "cuda";

using OpenedBackend = Result<std::shared_ptr<const Backend>>;

OpenedBackend open_cpu(int threads) {
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

// Opens each device of a request once.
class Opener {
 public:
  explicit Opener(int threads) : threads_(threads) {}

  // `option`: the path of the option that names it.
  OpenedBackend open(const std::string& asked, const std::string& option) {
    if (asked == "auto") return open_best();
    if (asked == "cpu") return once(asked, 0, [this](int) { return open_cpu(threads_); });
    const DeviceName name = read_name(asked);
    const OpenDevice kind = find_device_kind(name.kind);
    if (!kind || name.index < 0)
      return Status::option(option, "there is no device \"" + asked + "\" here: use \"cpu\", or leave it out");
    OpenedBackend opened = open_of_kind(name, kind);
    if (!opened.ok() && opened.status().code() == Code::invalid_option)
      return Status::option(option, opened.status().message());
    return opened;
  }

  const std::string& note() const { return note_; }

 private:
  OpenedBackend open_best() {
    const OpenDevice kind = find_device_kind(best_kind);
    if (kind && note_.empty()) {
      OpenedBackend opened = open_of_kind({best_kind, 0}, kind);
      if (opened.ok()) return opened;
      note_ = opened.status().message().empty() ? "it cannot be opened" : opened.status().message();
    }
    return open("cpu", "device");
  }
  OpenedBackend open_of_kind(const DeviceName& name, const OpenDevice& kind) {
    return once(name.kind, name.index, [&](int index) { return kind(index, threads_); });
  }
  template <class Open>
  OpenedBackend once(const std::string& kind, int index, Open open) {
    std::shared_ptr<const Backend>& backend = opened_[{kind, index}];
    if (!backend) {
      IPA_ASSIGN(backend, open(index));
    }
    return backend;
  }

  int threads_;
  std::map<std::pair<std::string, int>, std::shared_ptr<const Backend>> opened_;
  std::string note_;
};

}  // namespace

Result<Devices> Devices::open(const DeviceRequest& request, int threads) {
  Devices self;
  Opener opener(threads);
  for (size_t part = 0; part < part_count; ++part) {
    const bool own = !request.parts[part].empty();
    const std::string option = own ? std::string("devices.") + part_names[part] : "device";
    IPA_ASSIGN(self.backends_[part], opener.open(own ? request.parts[part] : request.device, option));
  }
  self.note_ = opener.note();
  return self;
}

}  // namespace ipa

// The backends that the parts of a model run on.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "graph/backend.h"
#include "pipeline/load/device_request.h"

namespace ipa {

// Opens the `index`-th device of a kind; `threads`: of the host, that its runs may use. Code::invalid_option names none.
using OpenDevice = std::function<Result<std::shared_ptr<const Backend>>(int index, int threads)>;

// Makes a kind of device known, besides "cpu". In place of one of the same name.
void add_device_kind(const std::string& kind, OpenDevice open);

class Devices {
 public:
  // invalid_option for a device that there is not.
  static Result<Devices> open(const DeviceRequest& request, int threads);

  const Backend& of(Part part) const { return *backends_[static_cast<size_t>(part)]; }

 private:
  std::array<std::shared_ptr<const Backend>, part_count> backends_;
};

}  // namespace ipa

// The backends that the parts of a model run on.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/status.h"
#include "graph/backend.h"
#include "graph/device_kinds.h"
#include "pipeline/load/device_request.h"

namespace ipa {

class Devices {
 public:
  // invalid_option for a device that there is not. A device that was named never falls back to another.
  // Parts that name the same device share its backend.
  static Result<Devices> open(const DeviceRequest& request, int threads);

  const Backend& of(Part part) const { return *backends_[static_cast<size_t>(part)]; }
  // Why "auto" took the CPU although a kind "cuda" is known; empty where it did not.
  const std::string& note() const { return note_; }

 private:
  std::array<std::shared_ptr<const Backend>, part_count> backends_;
  std::string note_;
};

}  // namespace ipa

// What the parts of a model are multiplied in, each on its own device.
#pragma once

#include <array>
#include <optional>

#include "base/status.h"
#include "graph/backend.h"
#include "graph/types.h"
#include "models/compute_choice.h"
#include "pipeline/load/device_request.h"

namespace ipa {

class Devices;

struct PartComputes {
  Compute dtype = Compute::f32;  // of the UNet, as the option `dtype` names it
  std::array<Compute, part_count> parts{};
  std::array<bool, part_count> on_gpu{};
  // Of the UNet's self-attention where its weights have 8 bits, and of its controls'.
  Compute pairs = Compute::int16;
  bool compact_vae = false;  // it may keep its largest activations in bf16

  NetworkCompute of(Part part) const {
    const auto i = static_cast<size_t>(part);
    return {parts[i], on_gpu[i]};
  }
};

using PartCapabilities = std::array<Capabilities, part_count>;

// `asked`: the option `dtype`; none: f16 for a part on a GPU, f32 for one on the CPU.
// Where the UNet's device does not have what was asked for, that is an error of the option. Another part whose device
// does not have it takes what it would take without the option.
Result<PartComputes> choose_computes(std::optional<Compute> asked, const PartCapabilities& capabilities);
// The same; an error also says why "auto" took the CPU.
Result<PartComputes> choose_computes(std::optional<Compute> asked, const Devices& devices);

}  // namespace ipa

// Where the parts of a model are to run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ipa {

// What may be on a device of its own. Adapters' projections, keys and values, and controls are where the UNet is.
enum class Part : uint8_t { unet, vae, text_encoder, image_encoder };

constexpr size_t part_count = 4;

// Devices as options name them: "cpu", or a kind and a number such as "cuda:1", or a kind alone, which is its first.
// "auto": the best that there is.
struct DeviceRequest {
  std::string device = "auto";
  std::array<std::string, part_count> parts;  // empty: as `device`
};

}  // namespace ipa

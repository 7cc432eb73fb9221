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
// As the option `devices` calls them.
constexpr const char* part_names[part_count] = {"unet", "vae", "textEncoder", "imageEncoder"};

// Devices as options name them: "cpu", or a kind and a number such as "cuda:1", or a kind alone, which is its first.
// "auto": the first of "cuda" where that can be used, else the CPU.
struct DeviceRequest {
  std::string device = "auto";
  std::array<std::string, part_count> parts;  // empty: as `device`
};

}  // namespace ipa

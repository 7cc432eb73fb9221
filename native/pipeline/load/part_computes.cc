#include "pipeline/load/part_computes.h"

#include <string>

#include "pipeline/load/devices.h"

namespace ipa {
namespace {

bool has(const Capabilities& device, Compute compute) {
  switch (compute) {
    case Compute::f32:
    case Compute::int8: return true;
    case Compute::int8_weights: return true;
    case Compute::int16: return !device.is_gpu;
    case Compute::f16: return device.is_gpu;
    case Compute::bf16: return device.has_bf16;
  }
  return false;
}

Status check_unet(Compute asked, const Capabilities& device) {
  if (has(device, asked)) return {};
  const char* problem = "";
  if (asked == Compute::f16)
    problem = "the CPU has no f16 arithmetic: use \"bf16\", or \"f32\", which keeps f16 weights in f16";
  else if (asked == Compute::int16)
    problem =
        "a GPU multiplies no integers of 16 bits: use \"f16\", or \"int8\", which keeps weights in 8 bits; or "
        "device: \"cpu\"";
  else
    problem = "this GPU has no bf16 arithmetic, which begins with compute capability 8.0: use \"f16\"";
  return Status::option("dtype", problem);
}

Compute usual(const Capabilities& device) { return device.is_gpu ? Compute::f16 : Compute::f32; }

// What a GPU multiplies a part in. A VAE's activations pass the range of f16, as those of SDXL's do.
Compute gpu_compute(Compute asked, Part part, const Capabilities& device) {
  const bool halves = asked == Compute::f16 || asked == Compute::int8;
  if (part == Part::vae && halves) return device.has_bf16 ? Compute::bf16 : Compute::f32;
  return asked == Compute::int8 ? Compute::int8_weights : asked;
}

Compute cpu_compute(Compute asked, Part part, const Capabilities& device) {
  switch (part) {
    case Part::unet: return unet_compute(asked, device.fast_bytes);
    case Part::vae: return vae_compute(asked, device.fast_bf16);
    case Part::text_encoder:
    case Part::image_encoder: break;
  }
  return encoder_compute(asked);
}

Compute pairs_of(const Capabilities& device) {
  if (device.is_gpu) return Compute::f16;
  return device.fast_bf16 ? Compute::bf16 : Compute::int16;
}

}  // namespace

Result<PartComputes> choose_computes(std::optional<Compute> asked, const PartCapabilities& capabilities) {
  const auto device_of = [&](Part part) -> const Capabilities& {
    return capabilities[static_cast<size_t>(part)];
  };
  PartComputes computes;
  computes.dtype = asked.value_or(usual(device_of(Part::unet)));
  IPA_TRY(check_unet(computes.dtype, device_of(Part::unet)));
  computes.pairs = pairs_of(device_of(Part::unet));
  for (size_t i = 0; i < part_count; ++i) {
    const auto part = static_cast<Part>(i);
    const Capabilities& device = device_of(part);
    const Compute own = asked && has(device, *asked) ? *asked : usual(device);
    computes.on_gpu[i] = device.is_gpu;
    computes.parts[i] = device.is_gpu ? gpu_compute(own, part, device) : cpu_compute(own, part, device);
    if (part == Part::vae)
      computes.compact_vae = device.is_gpu ? computes.parts[i] == Compute::bf16 : ipa::compact_vae(own);
  }
  return computes;
}

Result<PartComputes> choose_computes(std::optional<Compute> asked, const Devices& devices) {
  PartCapabilities capabilities;
  for (size_t i = 0; i < part_count; ++i) capabilities[i] = devices.of(static_cast<Part>(i)).capabilities();
  Result<PartComputes> computes = choose_computes(asked, capabilities);
  if (computes.ok() || devices.note().empty()) return computes;
  return Status::option(computes.status().option(),
                        computes.status().message() + " (the CPU was taken: " + devices.note() + ")");
}

}  // namespace ipa

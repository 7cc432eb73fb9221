#include "models/compute_choice.h"

#include <algorithm>
#include <cstdio>

namespace ipa {
namespace {

bool has_part(const std::string& name, const std::string& part) { return name.find(part) != std::string::npos; }

bool stays_f32(const Param& param) {
  constexpr int64_t least_channels = 64;
  if (!param.is_matrix()) return true;
  if (param.shape[0] < least_channels || param.shape[1] < least_channels) return true;
  for (const char* part : {"conv_in.", "conv_out.", "_embedding.", "transformer_layes.", "spatial_ch_projs.",
                           "time_emb_proj.", "attn2.to_k.", "attn2.to_v."})
    if (has_part(param.names.front(), part)) return true;
  return false;
}

int index_after(const std::string& name, const char* pattern) {
  int index = -1;
  return std::sscanf(name.c_str(), pattern, &index) == 1 ? index : -1;
}

// How many of a UNet's levels there are, and which up block stands before the last norm and convolution.
struct Levels {
  int count = 0, last_up = -1;
  explicit Levels(const ParamSet& params) {
    for (const auto& param : params.all()) {
      count = std::max(count, 1 + index_after(param->names.front(), "down_blocks.%d."));
      last_up = std::max(last_up, index_after(param->names.front(), "up_blocks.%d."));
    }
  }
  // Of a residual block: 0 at the size of the latents.
  int of(const std::string& name) const {
    if (const int down = index_after(name, "down_blocks.%d."); down >= 0) return down;
    if (const int up = index_after(name, "up_blocks.%d."); up >= 0) return count - 1 - up;
    return count - 1;
  }
};

// In few pixels the transforms of Winograd's algorithm cost more than it saves.
constexpr int least_pixels_level = 3;

bool gains_by_words(const Param& param, const Levels& levels) {
  const std::string& name = param.names.front();
  if (param.shape.size() != 4 || param.shape[2] != 3 || param.shape[3] != 3) return false;
  if (has_part(name, "downsamplers.")) return false;
  return has_part(name, "upsamplers.") || levels.of(name) < least_pixels_level;
}

Compute int8_choice(const Param& param, const Levels& levels) {
  const std::string& name = param.names.front();
  if (levels.last_up >= 0 && has_part(name, "up_blocks." + std::to_string(levels.last_up) + ".resnets."))
    return Compute::int16;
  // What a ControlNet adds goes into the UNet as it is.
  if (has_part(name, "controlnet_")) return Compute::int16;
  return gains_by_words(param, levels) ? Compute::int8_weights : Compute::int8;
}

}  // namespace

void choose_compute(ParamSet& params, Compute compute) {
  const Levels levels(params);
  for (const auto& param : params.all()) {
    if (stays_f32(*param))
      param->compute = Compute::f32;
    else
      param->compute = compute == Compute::int8 ? int8_choice(*param, levels) : compute;
  }
}

void choose_compute(ParamSet& params, NetworkCompute network) {
  if (!network.on_gpu) return choose_compute(params, network.compute);
  const bool bytes = network.compute == Compute::int8_weights;
  const Compute whole = bytes ? Compute::f16 : network.compute;
  params.activations = whole == Compute::f16    ? Storage::f16
                       : whole == Compute::bf16 ? Storage::bf16
                                                : Storage::f32;
  for (const auto& param : params.all())
    if (param->is_matrix()) param->compute = bytes && !stays_f32(*param) ? Compute::int8_weights : whole;
}

Compute unet_compute(Compute asked, bool fast_bytes) {
  return asked == Compute::int8 && !fast_bytes ? Compute::int8_weights : asked;
}

Compute encoder_compute(Compute asked) { return asked == Compute::int8 ? Compute::int8_weights : asked; }

bool compact_vae(Compute asked) { return asked == Compute::bf16 || asked == Compute::int8; }

Compute vae_compute(Compute asked, bool fast_bf16) {
  if (asked != Compute::int8) return asked;
  return fast_bf16 ? Compute::bf16 : Compute::int16;
}

}  // namespace ipa

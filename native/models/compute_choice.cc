#include "models/compute_choice.h"

namespace ipa {
namespace {

bool stays_f32(const Param& param) {
  constexpr int64_t least_channels = 64;
  if (!param.is_matrix()) return true;
  if (param.shape[0] < least_channels || param.shape[1] < least_channels) return true;
  const std::string& name = param.names.front();
  for (const char* part :
       {"conv_in.", "conv_out.", "_embedding.", "time_emb_proj.", "attn2.to_k.", "attn2.to_v."})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace

void choose_compute(ParamSet& params, Compute compute) {
  for (const auto& param : params.all()) param->compute = stays_f32(*param) ? Compute::f32 : compute;
}

Compute unet_compute(Compute asked, bool fast_bytes) {
  return asked == Compute::int8 && !fast_bytes ? Compute::int8_weights : asked;
}

Compute encoder_compute(Compute asked) { return asked == Compute::int8 ? Compute::int8_weights : asked; }

Compute vae_compute(Compute asked) { return asked == Compute::f32 ? Compute::f32 : Compute::int16; }

}  // namespace ipa

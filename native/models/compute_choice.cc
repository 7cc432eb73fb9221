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
  for (const char* part :
       {"conv_in.", "conv_out.", "_embedding.", "time_emb_proj.", "attn2.to_k.", "attn2.to_v."})
    if (has_part(param.names.front(), part)) return true;
  return false;
}

// "up_blocks.3.resnets.", of the block behind which only the last norm and convolution follow; "" in a network
// without.
std::string last_resnets(const ParamSet& params) {
  int last = -1;
  for (const auto& param : params.all()) {
    int index = 0;
    if (std::sscanf(param->names.front().c_str(), "up_blocks.%d.", &index) == 1) last = std::max(last, index);
  }
  return last < 0 ? "" : "up_blocks." + std::to_string(last) + ".resnets.";
}

}  // namespace

void choose_compute(ParamSet& params, Compute compute) {
  const std::string fine = last_resnets(params);
  for (const auto& param : params.all()) {
    param->compute = stays_f32(*param) ? Compute::f32 : compute;
    if (param->compute == Compute::int8 && !fine.empty() && has_part(param->names.front(), fine))
      param->compute = Compute::int16;
  }
}

Compute unet_compute(Compute asked, bool fast_bytes) {
  return asked == Compute::int8 && !fast_bytes ? Compute::int8_weights : asked;
}

Compute encoder_compute(Compute asked) { return asked == Compute::int8 ? Compute::int8_weights : asked; }

Compute vae_compute(Compute asked) { return asked == Compute::int8 ? Compute::int16 : asked; }

}  // namespace ipa

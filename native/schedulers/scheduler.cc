#include "schedulers/scheduler.h"

#include <algorithm>

namespace ipa {

void Scheduler::scale_model_input(int, const float* sample, float* out, size_t count) const {
  if (out != sample) std::copy(sample, sample + count, out);
}

void Scheduler::add_noise(int index, const float* latents, const float* noise, float* out, size_t count) const {
  const NoiseMix mix = noise_mix(index);
  for (size_t i = 0; i < count; ++i) out[i] = mix.signal * latents[i] + mix.noise * noise[i];
}

}  // namespace ipa

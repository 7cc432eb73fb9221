// What a call hands over after every step.
#pragma once

#include <functional>
#include <vector>

#include "base/status.h"

namespace ipa {

// A picture's step that is done.
struct StepEvent {
  int image = 0;            // index into seeds
  int step = 0, steps = 0;  // of this picture's model calls, from 1
  float timestep = 0;       // at which the model was called
};
// May read and replace the latents, channel-major; an error ends the call.
using StepFunction = std::function<Status(const StepEvent& event, std::vector<float>& latents)>;

}  // namespace ipa

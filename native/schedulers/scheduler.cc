#include "schedulers/scheduler.h"

#include <algorithm>

namespace ipa {

void Scheduler::scale_model_input(int, const float* sample, float* out, size_t count) const {
  if (out != sample) std::copy(sample, sample + count, out);
}

}  // namespace ipa

#include "cpu/launch/launch.h"

#include <algorithm>
#include <cmath>

#include "cpu/launch/launch_ops.h"

namespace ipa {

float* LaunchBuilder::at(const Place& place) const {
  if (!place.valid) return nullptr;
  uint8_t* base =
      place.binding >= 0 ? static_cast<uint8_t*>(bindings_[static_cast<size_t>(place.binding)]) : arena_;
  return reinterpret_cast<float*>(base + place.offset);
}

const int32_t* LaunchBuilder::nearest_map(int64_t from, int64_t to) {
  std::vector<int32_t> map(static_cast<size_t>(to));
  const float scale = static_cast<float>(from) / static_cast<float>(to);  // PyTorch's rule, in its precision
  for (int64_t i = 0; i < to; ++i)
    map[static_cast<size_t>(i)] = static_cast<int32_t>(
        std::min<int64_t>(from - 1, static_cast<int64_t>(std::floor(static_cast<float>(i) * scale))));
  memory_.maps.push_back(std::move(map));
  return memory_.maps.back().data();
}

void LaunchBuilder::push(Launch launch, double work) {
  // Below this a hand-over to another thread costs more than it saves.
  constexpr double worth_sharing = 60'000;
  launch.threads = work < worth_sharing ? 1 : threads_;
  launch.scratch = reinterpret_cast<float*>(shared_scratch(*step_)) + shared_scratch_floats(*step_);
  launch.scratch_floats = thread_scratch_floats(*step_);
  launch.step = index_;
  launches_.push_back(std::move(launch));
}

void LaunchBuilder::add(const Step& step) {
  step_ = &step;
  if (const auto launch = launch_of(step.node->op).launch) launch(*this, step);
  ++index_;
}

int64_t rows_per_task(int64_t rows, int64_t channels) {
  return std::clamp<int64_t>(32768 / std::max<int64_t>(1, channels), 1, std::max<int64_t>(1, rows));
}

}  // namespace ipa
